package main

import (
	"net/netip"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store"
)

// admin returns the operator's use cases over an open database, and who acts.
// egressAllow are networks that notifications may go to besides public ones.
func (e *environment) admin(s *store.Store, egressAllow ...netip.Prefix) (*admin.Admin, admin.By, error) {
	desk, err := service.NewAdmin(e, s, e.log, egressAllow...)
	return desk, commandBy(), err
}

// commandBy is who runs this command.
func commandBy() admin.By {
	return admin.By{Actor: service.Operator(), RequestID: newRequestID(), MayApprove: true}
}

// asUsage makes wrong usage of what the use cases call invalid.
func asUsage(err error) error {
	if fault := refund.As(err); fault != nil && fault.Kind == refund.KindInvalid {
		return usageError{reason(fault)}
	}
	return err
}

// withCause is why an address can't be called, with a hint; the API does not say
// what it found out about a network.
func withCause(err error) error {
	fault := refund.As(err)
	if fault == nil || fault.Cause == nil || fault.Param != "url" {
		return err
	}
	return fault.Cause
}
