// Comfort of the login page; it works without this script.
const form = document.querySelector("form.login");
if (form) {
  const password = form.querySelector("input[name=password]");
  const name = form.querySelector("input[name=username]");
  const show = form.querySelector("button.show");
  const caps = form.querySelector(".caps");
  const action = form.querySelector(".action");
  (name.value ? password : name).focus();
  show.hidden = false;
  show.addEventListener("click", () => {
    const visible = password.type === "text";
    password.type = visible ? "password" : "text";
    show.textContent = visible ? show.dataset.show : show.dataset.hide;
    show.setAttribute("aria-pressed", String(!visible));
    password.focus();
  });
  for (const kind of ["keydown", "keyup"]) {
    password.addEventListener(kind, (event) => {
      caps.hidden = !event.getModifierState?.("CapsLock");
    });
  }
  form.addEventListener("submit", () => {
    password.type = "password";
    action.disabled = true;
    action.textContent = action.dataset.busy;
  });
  addEventListener("pageshow", () => {
    action.disabled = false;
    action.textContent = action.dataset.label;
  });
}
