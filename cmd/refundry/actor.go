package main

import (
	"os"
	"os/user"
	"strconv"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store"
)

// operator names who runs the command: the operating system's user, by number
// where it has no name.
func operator() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "uid " + strconv.Itoa(os.Getuid())
}

// admin returns the operator's use cases over an open database, and who acts.
func (e *environment) admin(s *store.Store) (*admin.Admin, admin.By, error) {
	desk, err := service.NewAdmin(e, s, e.log)
	return desk, admin.By{Actor: audit.ByCommand(operator()), RequestID: newRequestID()}, err
}

// asUsage makes wrong usage of what the use cases call invalid.
func asUsage(err error) error {
	if fault := refund.As(err); fault != nil && fault.Kind == refund.KindInvalid {
		return usageError{reason(fault)}
	}
	return err
}
