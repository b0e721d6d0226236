"""Words of the status page: (Chinese, English)."""

from __future__ import annotations

from dicom_node.web.condition import Fault

WORDS: dict[str, tuple[str, str]] = {
    "title": ("影像节点状态", "Image node status"),
    "fine": ("一切正常", "Everything is fine"),
    "attention": ("需要处理", "Needs attention"),
    "figures": ("数据", "Figures"),
    "as_of": ("截至", "As of"),
    "since": ("接收进程启动于", "receiver started"),
    "open": ("打开的关联", "Open associations"),
    "received": ("已接收影像 (本次启动后)", "Images received (since start)"),
    "refused": ("已拒绝的关联", "Refused associations"),
    "backlog": ("等待索引的影像", "Images not yet indexed"),
    "feed": ("影像流序号", "Images feed number"),
    "disk": ("磁盘可用 / 总量", "Disk free / size"),
    "memory": ("内存", "Memory"),
    "receive": ("接收", "receive"),
    "index": ("索引", "index"),
    "restarts": ("进程重启次数", "Process restarts"),
    "expires": ("TLS 证书有效期至", "TLS certificate valid until"),
    "devices": ("设备", "Devices"),
    "no_devices": ("尚未登记任何设备: 所有关联都会被拒绝", "No device is listed: every association is refused"),
    "aet": ("AE 标题", "AE title"),
    "institution": ("机构", "Institution"),
    "may": ("权限", "Rights"),
    "contact": ("最近联系", "Last contact"),
    "images": ("影像数", "Images"),
    "last_image": ("最近影像", "Last image"),
    "now": ("当前关联", "Open now"),
    "failed": ("存储失败", "Failed stores"),
    "unlisted": ("已不在清单中", "no longer listed"),
    "bound": ("绑定证书", "certificate"),
    "never": ("启动后未联系", "not since start"),
    "quarantine": ("隔离区", "Quarantine"),
    "empty": ("隔离区为空", "Nothing is in quarantine"),
    "arrival": ("到达号", "Arrival"),
    "when": ("接收时间", "Received"),
    "reason": ("原因", "Reason"),
    "detail": ("说明", "Detail"),
    "retry": ("重试", "Try again"),
    "volumes": ("存储卷", "Volumes"),
    "volume": ("名称", "Name"),
    "tier": ("层级", "Tier"),
    "state": ("状态", "State"),
    "files": ("完好副本", "Whole copies"),
    "bytes": ("容量", "Bytes"),
    "bad": ("损坏或缺失", "Damaged or missing"),
    "checked": ("最近完成巡检", "Last full check"),
    "usable": ("可用", "usable"),
    "away": ("不可用", "away"),
    "full": ("已满", "full"),
    "nearline": ("近线", "nearline"),
    "backup": ("备份", "backup"),
    "indexed": ("已读取并编入索引", "The file was read and indexed"),
    "more": ("仅显示最近的条目; 总数", "only the latest entries are shown; in all"),
}

Pair = tuple[str, str]
# fault → ((zh title, zh action), (en title, en action))
FAULTS: dict[Fault, tuple[Pair, Pair]] = {
    "receive": (
        ("接收进程没有响应", "设备暂时无法发送影像; 节点会自动重启该进程, 若持续请查看日志"),
        ("The receive process is silent", "Devices cannot send now. The node restarts it by itself; if this lasts, read the log"),
    ),
    "index": (
        ("索引进程已停滞", "影像仍在接收并保存, 但暂不可见; 请查看日志"),
        ("The index has stopped", "Images are still received and kept, but not shown; read the log"),
    ),
    "behind": (
        ("索引落后: {count} 幅影像等待, 最久 {seconds} 秒", "影像已安全保存; 请检查磁盘与处理器负载"),
        (
            "The index is behind; images waiting: {count}, the oldest for {seconds} s",
            "They are safe on disk; look at disk and processor load",
        ),
    ),
    "disk": (
        ("磁盘空间不足: 剩余 {free} ({percent} %)", "请扩容或清理; 磁盘写满后新影像将被拒绝"),
        ("The disk is filling up: {free} left ({percent} %)", "Add space: on a full disk new images are refused"),
    ),
    "quarantine": (
        ("隔离区中有 {count} 个文件", "它们已安全保存但不可见; 请查看下面的列表"),
        ("Files in quarantine: {count}", "They are kept but not shown; see the list below"),
    ),
    "conflict": (
        ("24 小时内发现 {count} 处数据冲突", "相同标识但内容或患者不同; 请与发送机构核对"),
        ("Conflicts in the last 24 hours: {count}", "Same identifiers, other content or patient; settle it with the sender"),
    ),
    "restarted": (
        ("进程已被重启 {count} 次", "已自动恢复; 请查看日志了解原因"),
        ("Restarts of processes: {count}", "The node has recovered by itself; read the log for the cause"),
    ),
    "devices": (
        ("设备清单为空或无法使用 ({reason})", "请更正设备清单文件; 在此之前设备可能被拒绝"),
        ("The list of devices is empty or cannot be used ({reason})", "Correct the file; until then devices may be refused"),
    ),
    "plan": (
        ("存储方案有误, 仍按上一版本执行", "{reason}"),
        ("The storage plan has a fault; the last good one stays in force", "{reason}"),
    ),
    "volume": (
        ("存储卷不可用: {names}", "影像仍可接收; 节点会自动重试, 等待处理的检查: {waiting}; 请检查网络与挂载"),
        (
            "Volumes away: {names}",
            "Images are still received; the node tries again by itself, studies waiting: {waiting}. Look at network and mounts",
        ),
    ),
    "full": (
        ("存储卷空间不足: {names}", "请扩容, 或在存储方案中加入新的存储卷"),
        ("Volumes are full: {names}", "Add space, or another volume to the storage plan"),
    ),
    "copies": (
        ("{count} 个文件没有任何完好的副本", "请立即检查磁盘, 从外部备份恢复, 或请设备重新发送; 日志 copy.hopeless 列出了文件"),
        (
            "Files without any whole copy: {count}",
            "Look at the disks now, restore from an outside backup or have the devices send again; the log names them (copy.hopeless)",
        ),
    ),
    "rescan": (
        ("正在重新登记存储卷上的副本: {names}", "完成之前不会从在线磁盘移走任何影像; 无需操作"),
        (
            "The copies on volumes are being found out again: {names}",
            "Until that is done nothing is moved off the online disk; nothing to do",
        ),
    ),
    "undeleted": (
        ("已删除的文件仍有副本: {names}", "存储卷可用并在存储方案中后, 节点会自动删除这些副本"),
        ("Copies of deleted files are left: {names}", "The node removes them by itself when the volume can be used and is in the plan"),
    ),
    "certificate": (
        ("TLS 证书将于 {date} 失效", "请及时更换证书并重启节点"),
        ("The TLS certificate ends on {date}", "Replace it in time and restart the node"),
    ),
}

REASONS: dict[str, Pair] = {
    "unparsable": ("文件无法读取", "The file cannot be read"),
    "study_of_other_institution": ("该检查属于另一机构", "The study belongs to another institution"),
    "instance_of_other_institution": ("该影像属于另一机构", "The image belongs to another institution"),
}
