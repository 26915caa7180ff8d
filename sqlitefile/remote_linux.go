package sqlitefile

import (
	"os"
	"syscall"
)

// remotes are file systems of other machines, by their numbers in statfs(2).
// FUSE is among them: what stands behind it can't be seen, and is most often
// another machine's.
var remotes = map[uint32]string{
	0x6969:     "NFS",
	0x517b:     "SMB",
	0xfe534d42: "SMB",
	0xff534d42: "CIFS",
	0x01021997: "9P",
	0x65735546: "FUSE",
	0x00c36400: "Ceph",
	0x5346414f: "AFS",
	0x0bd00bd0: "Lustre",
	0x01161970: "GFS2",
	0x7461636f: "OCFS2",
	0x564c:     "NCP",
	0x73757245: "Coda",
}

// remote names the file system of another machine that a file is on, "" for a
// local one.
func remote(file *os.File) string {
	var stat syscall.Statfs_t
	if err := syscall.Fstatfs(int(file.Fd()), &stat); err != nil {
		return ""
	}
	return remotes[uint32(stat.Type)] //nolint:gosec // the number has 32 bits
}
