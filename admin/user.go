package admin

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/secret"
)

// Users keeps the console's users. Absent is KindNotFound.
type Users interface {
	// Users are all of them, by their addresses.
	Users(ctx context.Context) ([]merchant.User, error)
	User(ctx context.Context, id string) (merchant.User, error)
	// UserByEmail also returns the hash of the password, "" for none.
	UserByEmail(ctx context.Context, email string) (u merchant.User, password string, err error)
	// AddUser writes a new user with the hash of a password and with secrets.
	// KindStateConflict where another has the address.
	AddUser(ctx context.Context, u merchant.User, password string, secrets map[string]string, record refund.Action) error
	// ChangeUser lets change alter a user under a lock, and returns them. One that is
	// disabled then has no session any more.
	ChangeUser(ctx context.Context, id string, action refund.Action, change UserChange) (merchant.User, error)
	// SetPassword keeps another password's hash and ends the user's sessions but one.
	// by is who sets it for the user, "" for the user.
	SetPassword(ctx context.Context, id, password, keep string, by audit.Behind, record refund.Action) error
	RemoveUser(ctx context.Context, id string, record refund.Action) error
}

// UserChange lets a caller alter a user's name, roles, language, time zone and
// DisabledAt, and adds to the record what it altered.
type UserChange func(*merchant.User, audit.Record) (audit.Record, error)

// NewUser is what a user is made of.
type NewUser struct {
	Email, Name string
	Grants      []merchant.Grant
	// Password is theirs; "" makes one. KeepPassword keeps it so that it can be
	// read again, as the demo's are.
	Password     string
	KeepPassword bool
	Bounds       UserBounds
}

// UserBounds are the bounds of whoever manages users; zero for none.
type UserBounds struct {
	// MerchantID is the merchant whose users alone may be managed: those whose roles
	// are all of it.
	MerchantID string
	// Key is the API key that asks, which manages nobody with a scope that it lacks or
	// without a limit that it has; nil for who may give all.
	Key *merchant.Key
}

// passwordLetters is how long a password is that we make: 119 bits.
const passwordLetters = 20

// AddUser makes a user, and returns the password that was made, "" for one that
// was given. Errors: KindInvalid, KindForbidden, KindNotFound for a merchant,
// KindStateConflict for an address that a user has.
func (a *Admin) AddUser(ctx context.Context, by By, in NewUser) (merchant.User, string, error) {
	u := merchant.User{
		ID: "usr_" + merchant.RandomLetters(userIDLength), Email: merchant.NormalEmail(in.Email), Name: strings.TrimSpace(in.Name),
		Grants: in.Grants, Password: true, CreatedAt: a.now(),
	}
	record, err := a.record(by, in.Bounds.MerchantID, "user.add", u.Email)
	if err == nil {
		err = checkUser(u)
	}
	if err == nil {
		err = a.checkMerchants(ctx, in.Bounds, u.Grants)
	}
	password, made := in.Password, ""
	if password == "" {
		password = merchant.RandomLetters(passwordLetters)
		made = password
	}
	if err == nil {
		err = checkPassword(password)
	}
	if err != nil {
		return merchant.User{}, "", err
	}
	if u.PasswordBy, err = a.makes(ctx, by); err != nil {
		return merchant.User{}, "", err
	}
	u.PasswordAt = u.CreatedAt
	record.Write.Shows(u.ID, made)
	hash := secret.HashPassword(password)
	var secrets map[string]string
	if in.KeepPassword {
		secrets = map[string]string{merchant.SecretPassword: password, merchant.SecretPasswordHash: hash}
	}
	if err := a.s.Store.AddUser(ctx, u, hash, secrets, record.With("roles", grantText(u.Grants))); err != nil {
		return merchant.User{}, "", err
	}
	a.done(in.Bounds.MerchantID)
	return u, made, nil
}

// userIDLength is how long a user's id is behind its prefix.
const userIDLength = 16

// checkMerchants refuses roles of merchants that are not there, and those that are
// within the caller's bounds.
func (a *Admin) checkMerchants(ctx context.Context, bounds UserBounds, grants []merchant.Grant) error {
	if lacks := bounds.lacks(grants); lacks != "" {
		return refund.Errorf(refund.KindForbidden, "roles", "the key lacks the scope %s and can't give it", lacks)
	}
	if limit := bounds.limit(grants); limit != "" {
		return refund.Errorf(refund.KindForbidden, "roles", "the key has %s, which no user has: it can't give these roles", limit)
	}
	for _, g := range grants {
		if bounds.MerchantID != "" && g.MerchantID != bounds.MerchantID {
			return refund.Errorf(refund.KindForbidden, "roles", "roles of other merchants can't be given here")
		}
		if g.MerchantID == "" {
			continue
		}
		if _, err := a.s.Store.MerchantByID(ctx, g.MerchantID); err != nil {
			return err
		}
	}
	return nil
}

// lacks is a scope of the roles that the key has not, "" for none. No key of live
// mode has the sandbox's.
func (b UserBounds) lacks(grants []merchant.Grant) merchant.Scope {
	if b.Key == nil {
		return ""
	}
	for _, g := range grants {
		for _, scope := range g.Role.Scopes() {
			if scope != merchant.ScopeSandbox && !b.Key.May(scope) {
				return scope
			}
		}
	}
	return ""
}

// limit is the limit of the key that whoever has the roles would not have, "" for
// none: networks bind all that the key does, ceilings what refunds are asked for.
func (b UserBounds) limit(grants []merchant.Grant) string {
	switch {
	case b.Key == nil:
	case len(b.Key.Limits.AllowIPs) > 0:
		return "allow_ips"
	case len(b.Key.Limits.Ceilings) > 0 && slices.ContainsFunc(grants, func(g merchant.Grant) bool {
		return slices.Contains(g.Role.Scopes(), merchant.ScopeRefund)
	}):
		return "ceilings"
	}
	return ""
}

func grantText(grants []merchant.Grant) string {
	texts := make([]string, len(grants))
	for n, g := range grants {
		texts[n] = g.String()
	}
	return strings.Join(texts, ", ")
}

// DisableUser has a user not sign in any more, and ends their sessions. Nobody
// disables themselves: KindStateConflict. Again changes nothing.
func (a *Admin) DisableUser(ctx context.Context, by By, id string, bounds UserBounds) (merchant.User, error) {
	return a.changeUser(ctx, by, id, bounds, "user.disable", func(u *merchant.User, r audit.Record) (audit.Record, error) {
		switch {
		case by.Actor == audit.ByUser(u.Email):
			return r, refund.Errorf(refund.KindStateConflict, "user", "nobody disables themselves; ask another admin")
		case u.Disabled():
			return audit.Record{}, nil
		}
		u.DisabledAt = a.now()
		return r, nil
	})
}

// EnableUser takes DisableUser back.
func (a *Admin) EnableUser(ctx context.Context, by By, id string, bounds UserBounds) (merchant.User, error) {
	return a.changeUser(ctx, by, id, bounds, "user.enable", func(u *merchant.User, r audit.Record) (audit.Record, error) {
		if !u.Disabled() {
			return audit.Record{}, nil
		}
		u.DisabledAt = time.Time{}
		return r, nil
	})
}

// changeUser is a change of a user whom the caller may manage.
func (a *Admin) changeUser(ctx context.Context, by By, id string, bounds UserBounds, action string, change UserChange) (merchant.User, error) {
	record, err := a.record(by, bounds.MerchantID, action, id)
	if err != nil {
		return merchant.User{}, err
	}
	record.Write.Makes(id)
	u, err := a.s.Store.ChangeUser(ctx, id, record, func(u *merchant.User, r audit.Record) (audit.Record, error) {
		if err := mayManage(*u, bounds); err != nil {
			return r, err
		}
		r.Object = u.Email
		return change(u, r)
	})
	if err != nil {
		return merchant.User{}, err
	}
	a.done(bounds.MerchantID)
	return u, nil
}

// mayManage says whose users somebody manages who is bound to a merchant: those
// who have roles at no other. Of all others they know nothing: KindNotFound.
func mayManage(u merchant.User, bounds UserBounds) error {
	if bounds.MerchantID != "" && !u.Within(bounds.MerchantID) {
		return refund.Errorf(refund.KindNotFound, "user", "there is no user %q", u.ID)
	}
	if lacks := bounds.lacks(u.Grants); lacks != "" {
		return refund.Errorf(refund.KindForbidden, "user", "the key lacks the scope %s, which the user has", lacks)
	}
	if limit := bounds.limit(u.Grants); limit != "" {
		return refund.Errorf(refund.KindForbidden, "user", "the key has %s, which no user has: it can't manage this one", limit)
	}
	return nil
}

// managed finds a user whom the caller may manage.
func (a *Admin) managed(ctx context.Context, by By, id string, bounds UserBounds) (merchant.User, error) {
	if err := by.check(); err != nil {
		return merchant.User{}, err
	}
	u, err := a.s.Store.User(ctx, id)
	if err == nil {
		err = mayManage(u, bounds)
	}
	return u, err
}

// ResetPassword gives a user another password and ends their sessions; an empty
// one is made, and returned.
func (a *Admin) ResetPassword(ctx context.Context, by By, id string, bounds UserBounds, password string) (made string, err error) {
	u, err := a.managed(ctx, by, id, bounds)
	if err != nil {
		return "", err
	}
	if password == "" {
		password = merchant.RandomLetters(passwordLetters)
		made = password
	}
	record, err := a.record(by, bounds.MerchantID, "user.password", u.Email)
	if err == nil {
		err = checkPassword(password)
	}
	if err != nil {
		return "", err
	}
	setBy, err := a.resets(ctx, by, u)
	if err != nil {
		return "", err
	}
	record.Write.Shows(id, made)
	if err := a.s.Store.SetPassword(ctx, id, secret.HashPassword(password), "", setBy, record); err != nil {
		return "", err
	}
	a.done(bounds.MerchantID)
	return made, nil
}

// RemoveUser forgets a user; what they did stays on record under their address.
// Nobody removes themselves: KindStateConflict.
func (a *Admin) RemoveUser(ctx context.Context, by By, id string, bounds UserBounds) error {
	u, err := a.managed(ctx, by, id, bounds)
	if err != nil {
		return err
	}
	if by.Actor == audit.ByUser(u.Email) {
		return refund.Errorf(refund.KindStateConflict, "user", "nobody removes themselves; ask another admin")
	}
	record, err := a.record(by, bounds.MerchantID, "user.remove", u.Email)
	if err != nil {
		return err
	}
	record.Write.Makes(id)
	if err := a.s.Store.RemoveUser(ctx, id, record); err != nil {
		return err
	}
	a.done(bounds.MerchantID)
	return nil
}
