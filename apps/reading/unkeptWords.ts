/** What is said instead where this browser cannot keep anything on this computer (desk/shell/keeping.ts). Keys are those of the catalogue. */
export const UNKEPT: Record<string, readonly [string, string] | undefined> = {
  save_kept: ['尚未保存：恢复连接前请勿关闭此页', 'Not saved yet: leave this page open until the link is back'],
  offline: ['连接中断，正在重连 – 本机不能保存已写内容，请勿关闭此页', 'Disconnected, reconnecting – this computer cannot keep your text: leave this page open'],
  blocked_offline: ['连接中断，恢复后才能提交或签发；请勿关闭此页', 'Disconnected: submitting and signing wait for the link; leave this page open'],
  key_image_waiting: ['关键图像尚未保存，恢复连接后自动保存并放入报告；请勿关闭此页', 'The key image is not saved yet: it is saved and put into the report when the link is back; leave this page open'],
  key_image_waiting_left: ['关键图像尚未保存，恢复连接后自动保存；报告现在不能修改，未放入；请勿关闭此页', 'The key image is not saved yet; it is saved when the link is back. The report cannot be changed now and does not have it; leave this page open'],
  unsent: ['此页有 {n} 份没有上传的文字，请勿关闭', '{n} {n|text|texts} in this page not sent yet: leave it open'],
}
