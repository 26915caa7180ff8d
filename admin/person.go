package admin

import (
	"context"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
)

// People knows who may act as whom.
type People interface {
	// Behind are who may act as an actor at a time: who made a key; who set a user's
	// password, see merchant.User.Behind. "" for nobody, for the command line, and for
	// an actor that is not there any more.
	Behind(ctx context.Context, a audit.Actor, now time.Time) (audit.Behind, error)
}

// person is an actor with all who may act as them now.
func (a *Admin) person(ctx context.Context, actor audit.Actor) (audit.Person, error) {
	behind, err := a.s.Store.Behind(ctx, actor, a.now())
	return audit.Person{Actor: actor, Behind: behind.People()}, err
}

// makes is who is behind what somebody makes.
func (a *Admin) makes(ctx context.Context, by By) (audit.Behind, error) {
	p, err := a.person(ctx, by.Actor)
	return p.Makes(), err
}

// signKeys notes who makes the keys of a merchant or identity.
func (a *Admin) signKeys(ctx context.Context, by By, fresh merchant.Fresh) error {
	madeBy, err := a.makes(ctx, by)
	for n := range fresh.Keys {
		fresh.Keys[n].Key.MadeBy = madeBy
	}
	return err
}

// resets is who is behind a password that somebody sets for a user: "" for the user
// themselves.
func (a *Admin) resets(ctx context.Context, by By, u merchant.User) (audit.Behind, error) {
	if by.Actor == audit.ByUser(u.Email) {
		return "", nil
	}
	return a.makes(ctx, by)
}
