package main

import (
	"io/fs"

	"golang.org/x/sys/windows"
)

// ownFilesAlone does nothing: on Windows a new file has the access list of its
// folder, which is to be a folder of the service's user.
func ownFilesAlone() {}

// errAddressInUse is what listening fails with where another program has the address.
const errAddressInUse = windows.WSAEADDRINUSE

// openTo reports whether any of these permissions are given. Windows has access
// lists instead, of which the mode that Go shows says nothing.
func openTo(fs.FileInfo, fs.FileMode) bool { return false }
