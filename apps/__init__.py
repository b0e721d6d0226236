"""What people see: one folder a desk, `apps.desk` for what all desks share, `apps.viewer` for the image widget."""
