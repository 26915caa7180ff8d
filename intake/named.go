package intake

import (
	"context"
	"errors"
	"fmt"

	"github.com/refundry/refundry/refund"
)

// FoundCharge is a charge that was looked for by name.
type FoundCharge struct {
	// Charge is locked. Of one that is held or damaged only the id counts.
	Charge refund.Charge
	// Held says that another transaction holds it: it is not locked.
	Held bool
	// Err says how it is damaged.
	Err error
}

// placeholders are the request and the content of a unit that is completed later.
func placeholders(unit refund.Unit) refund.Unit {
	unit.Requests, unit.Members = make([]refund.Request, 1), make([]refund.Content, 1)
	return unit
}

// lockNamed locks the charges that units know by name alone. Names never change:
// each unit's request has its charge's id from now on, in later runs as well.
func (b *attempt) lockNamed(ctx context.Context, tx Tx) error {
	var names []refund.ChargeName
	asked := make(map[refund.ChargeName]bool)
	for n := range b.units {
		if name, open := b.openName(n); open && !asked[name] {
			asked[name] = true
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	found, err := tx.NamedCharges(ctx, names)
	if err != nil {
		return err
	}
	for n := range b.units {
		name, open := b.openName(n)
		if !open {
			continue
		}
		is, there := found[name]
		if !there {
			b.results[n].Err = noCharge(name.Name)
			continue
		}
		if is.Err == nil { // a look by id at one that is damaged would end the whole run
			b.units[n].Requests[0].ChargeID = is.Charge.ID
		}
		switch {
		case is.Held:
			b.intake.held.note(place{name.MerchantID, is.Charge.ID}, true, b.now)
			b.results[n].Err = errHeld
		case is.Err != nil:
			b.results[n].Err = fmt.Errorf("find charge: %w", is.Err)
		default:
			b.charges[refund.ChargeKey{MerchantID: name.MerchantID, ID: is.Charge.ID}] = is.Charge
		}
	}
	return nil
}

// openName is the name of a unit's charge, if no more than that is known of it.
func (b *attempt) openName(n int) (refund.ChargeName, bool) {
	unit := b.units[n]
	if unit.ByName == nil || b.results[n].Err != nil || unit.Requests[0].ChargeID != "" {
		return refund.ChargeName{}, false
	}
	return refund.ChargeName{MerchantID: unit.MerchantID, Dialect: unit.ByName.Dialect, Name: unit.ByName.Name}, true
}

// complete makes the units of charges that are named, or ends them.
func (b *attempt) complete() {
	for n, unit := range b.units {
		if unit.ByName == nil || b.results[n].Err != nil {
			continue
		}
		charge, there := b.charges[refund.ChargeKey{MerchantID: unit.MerchantID, ID: unit.Requests[0].ChargeID}]
		if !there {
			b.results[n].Err = noCharge(unit.ByName.Name)
			continue
		}
		if b.units[n], b.results[n].Err = completed(unit, charge); b.results[n].Err != nil {
			b.units[n] = unit
		}
	}
}

// completed is a unit as its dialect completes it. One that panics ends alone.
func completed(unit refund.Unit, charge refund.Charge) (full refund.Unit, err error) {
	defer func() {
		if problem := recover(); problem != nil {
			err = refund.Wrap(fmt.Errorf("panic: %v", problem), "read a refund request")
		}
	}()
	if full, err = unit.ByName.Complete(charge); err != nil {
		return unit, err
	}
	if len(full.Requests) != 1 || len(full.Members) != 1 || full.Requests[0].ChargeID != charge.ID {
		return unit, refund.Wrap(errors.New("a unit of a named charge is not for that charge"), "accept refunds")
	}
	request := full.Requests[0]
	request.RefundID, request.ChannelNumber = unit.Requests[0].RefundID, unit.Requests[0].ChannelNumber
	// The request of unit keeps its place: it has the ids for a later run.
	full.MerchantID, full.By, full.ByName, full.Requests = unit.MerchantID, unit.By, unit.ByName, []refund.Request{request}
	return full, nil
}

func noCharge(name string) *refund.Error {
	e := refund.Errorf(refund.KindChargeNotFound, "charge", "there is no such charge")
	e.Charge = name
	return e
}
