package admin

import (
	"context"
	"strings"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/secret"
)

// Profile is what users choose for themselves.
type Profile struct {
	Name, Language, TimeZone string
}

// ChangeProfile changes what a user has chosen for themselves. Errors: KindInvalid,
// and KindForbidden for anybody else.
func (a *Admin) ChangeProfile(ctx context.Context, by By, id string, in Profile) (merchant.User, error) {
	if _, err := a.self(ctx, by, id); err != nil {
		return merchant.User{}, err
	}
	return a.changeUser(ctx, by, id, UserBounds{}, "user.profile", func(u *merchant.User, r audit.Record) (audit.Record, error) {
		u.Name, u.Language, u.TimeZone = strings.TrimSpace(in.Name), in.Language, in.TimeZone
		return r.With("name", u.Name), checkUser(*u)
	})
}

// ChangePassword gives the user themselves another password, and ends their
// sessions but the one named keep. KindInvalid where the old one is wrong, KindBusy
// for who tried too often.
func (a *Admin) ChangePassword(ctx context.Context, by By, id, before, after, keep string) error {
	u, err := a.self(ctx, by, id)
	if err != nil {
		return err
	}
	if err := a.countTry(ctx, u.Email, ""); err != nil {
		return err
	}
	_, hash, err := a.s.Store.UserByEmail(ctx, u.Email)
	if err != nil {
		return err
	}
	if len(before) > maxPassword || !secret.PasswordFits(before, hash) {
		return refund.Errorf(refund.KindInvalid, "before", "this is not the password that you have")
	}
	if err := checkPassword(after); err != nil {
		return err
	}
	record, err := a.record(by, "", "user.password", u.Email)
	if err != nil {
		return err
	}
	record.Write.Makes(id)
	if err := a.s.Store.SetPassword(ctx, id, secret.HashPassword(after), keep, "", record); err != nil {
		return err
	}
	a.done("")
	return a.forgetTries(ctx, u.Email, "")
}

// Sessions lists where a user is signed in.
func (a *Admin) Sessions(ctx context.Context, id string) ([]merchant.Session, error) {
	return a.s.Store.Sessions(ctx, id, a.now())
}

// UsersWithin lists the users whom somebody of these bounds sees: all, or those
// with a role of the merchant.
func (a *Admin) UsersWithin(ctx context.Context, bounds UserBounds) ([]merchant.User, error) {
	all, err := a.s.Store.Users(ctx)
	if err != nil || bounds.MerchantID == "" {
		return all, err
	}
	var found []merchant.User
	for _, u := range all {
		if len(u.Grants) > 0 && u.Within(bounds.MerchantID) {
			found = append(found, u)
		}
	}
	return found, nil
}

// UserWithin finds one of them. KindNotFound.
func (a *Admin) UserWithin(ctx context.Context, id string, bounds UserBounds) (merchant.User, error) {
	u, err := a.s.Store.User(ctx, id)
	if err == nil {
		err = mayManage(u, UserBounds{MerchantID: bounds.MerchantID})
	}
	return u, err
}
