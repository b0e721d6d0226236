/** Gives content to the browser as a file; the address of the content is freed once the browser has taken it. */
const KEPT = 60_000

export function saveAs(content: Blob, name: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(content)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT)
}
