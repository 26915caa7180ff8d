//go:build unix

package main

import (
	"io/fs"
	"syscall"
)

// ownFilesAlone lets files that are made from here on be read by this user alone.
func ownFilesAlone() { syscall.Umask(0o077) }

// errAddressInUse is what listening fails with where another program has the address.
const errAddressInUse = syscall.EADDRINUSE

// openTo reports whether any of these permissions, such as 0o077, are given.
func openTo(info fs.FileInfo, which fs.FileMode) bool { return info.Mode().Perm()&which != 0 }
