package service

import (
	"os"
	"os/user"
	"strconv"

	"github.com/refundry/refundry/audit"
)

// Operator is who runs this process at the command line: the operating system's
// user, by number where it has no name.
func Operator() audit.Actor {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return audit.ByCommand(u.Username)
	}
	return audit.ByCommand("uid " + strconv.Itoa(os.Getuid()))
}
