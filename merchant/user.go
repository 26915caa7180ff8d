package merchant

import (
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/audit"
)

// Role is a set of scopes that a user has, of one merchant or of all.
type Role string

// The roles.
const (
	// RoleViewer reads.
	RoleViewer Role = "viewer"
	// RoleSupport also asks for refunds, cancels them and sends notifications again.
	RoleSupport Role = "support"
	// RoleOperator also says how refunds ended, registers charges and keeps endpoints.
	RoleOperator Role = "operator"
	// RoleApprover reads and approves refunds.
	RoleApprover Role = "approver"
	// RoleAdmin may do everything.
	RoleAdmin Role = "admin"
)

// Roles lists them all, the one that may least first.
func Roles() []Role { return []Role{RoleViewer, RoleSupport, RoleOperator, RoleApprover, RoleAdmin} }

// Scopes are what a role may do; none for a text that is no role.
func (r Role) Scopes() []Scope {
	switch r {
	case RoleViewer:
		return []Scope{ScopeRead}
	case RoleSupport:
		return []Scope{ScopeRead, ScopeRefund}
	case RoleOperator:
		return []Scope{ScopeRead, ScopeRefund, ScopeResolve, ScopeCharge, ScopeEndpoint}
	case RoleApprover:
		return []Scope{ScopeRead, ScopeApprove}
	case RoleAdmin:
		return Scopes()
	}
	return nil
}

// The secrets of a user, sealed at rest: the key of the second factor, and the
// password that was made for a user of the demo, so that it can be told again. While
// the user's hash is SecretPasswordHash, it is still their password.
const (
	SecretTOTP         = "totp"
	SecretPassword     = "password"
	SecretPasswordHash = "password_hash"
)

// Grant is a role that a user has.
type Grant struct {
	Role Role
	// MerchantID is the merchant of which it is had; "" is all, those to come too,
	// and the installation itself.
	MerchantID string
}

// User is a person who signs in to the console.
type User struct {
	ID string
	// Email is what they sign in with, in small letters; no other user has it.
	Email  string
	Name   string
	Grants []Grant
	// Language is zh or en, "" as the browser asks; TimeZone is an IANA name, "" as
	// the browser says.
	Language, TimeZone string
	// Password says that the user has one, TOTP that signing in takes a code too.
	Password, TOTP bool
	CreatedAt      time.Time
	DisabledAt     time.Time // zero: may sign in
	// PasswordBy is who else than the user set the password last, TOTPResetBy who
	// ended the second factor, and when; each with who was behind them then. They stay
	// after the user has set a password of their own, at OwnPasswordAt, or a second
	// factor, at TOTPAt; zero for not yet.
	PasswordBy, TOTPResetBy audit.Behind
	PasswordAt, TOTPResetAt time.Time
	OwnPasswordAt, TOTPAt   time.Time
}

// ResetTime is how long whoever set a user's password may act as the user for all
// that is known, whatever was set since: who signs in with it may change it, too, and
// until then the user may not have found out.
const ResetTime = 24 * time.Hour

// Behind are who may act as the user at a time: who set the password or ended the
// second factor, until the user has set their own, and for ResetTime at the least.
func (u User) Behind(at time.Time) audit.Behind {
	var behind audit.Behind
	if !ended(u.PasswordAt, at, u.OwnPasswordAt) {
		behind = behind.With(u.PasswordBy.People())
	}
	if !ended(u.TOTPResetAt, at, u.OwnPasswordAt, u.TOTPAt) {
		behind = behind.With(u.TOTPResetBy.People())
	}
	return behind
}

// ended reports whether a reset does not count any more: the user has set their own
// since, and enough time has gone by.
func ended(reset, now time.Time, own ...time.Time) bool {
	set := func(at time.Time) bool { return !at.IsZero() && !at.Before(reset) }
	return slices.ContainsFunc(own, set) && !now.Before(reset.Add(ResetTime))
}

// Disabled reports whether the user may not sign in.
func (u User) Disabled() bool { return !u.DisabledAt.IsZero() }

// May reports whether the user has the scope of a merchant.
func (u User) May(merchantID string, scope Scope) bool {
	return slices.ContainsFunc(u.Grants, func(g Grant) bool {
		return (g.MerchantID == "" || g.MerchantID == merchantID && merchantID != "") && slices.Contains(g.Role.Scopes(), scope)
	})
}

// MayEverywhere reports whether the user has the scope of all merchants, and so
// of what belongs to none.
func (u User) MayEverywhere(scope Scope) bool { return u.May("", scope) }

// MaySomewhere reports whether the user has the scope of any merchant.
func (u User) MaySomewhere(scope Scope) bool {
	return slices.ContainsFunc(u.Grants, func(g Grant) bool { return slices.Contains(g.Role.Scopes(), scope) })
}

// Sees reports whether the user has any role at a merchant.
func (u User) Sees(merchantID string) bool {
	return slices.ContainsFunc(u.Grants, func(g Grant) bool { return g.MerchantID == "" || g.MerchantID == merchantID })
}

// Within reports whether all of the user's roles are of one merchant. A user without
// any is the installation's.
func (u User) Within(merchantID string) bool {
	return len(u.Grants) > 0 && !slices.ContainsFunc(u.Grants, func(g Grant) bool { return g.MerchantID != merchantID })
}

// NormalEmail is an address as users have it: in small letters, without blanks
// at its ends.
func NormalEmail(text string) string { return strings.ToLower(strings.TrimSpace(text)) }

// String is the role with its merchant, such as "support mer_1" or "admin" for
// all.
func (g Grant) String() string { return strings.TrimSpace(string(g.Role) + " " + g.MerchantID) }

// TryBound bounds how often signing in may be tried by a subject, such as an account.
type TryBound struct {
	Subject string
	Most    int64
}

// Session is a time in which a user is signed in.
type Session struct {
	// ID names the session to people; it opens nothing.
	ID   string
	User User
	// NeedsCode says that the password was right and the code of the second factor
	// is still to come: such a session opens nothing else.
	NeedsCode bool
	// Address and Agent are where it began: the caller's IP address, and what the
	// browser calls itself.
	Address, Agent string
	CreatedAt      time.Time
	SeenAt         time.Time
	ExpiresAt      time.Time
}
