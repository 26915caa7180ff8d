package admin

import (
	"net/mail"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// Bounds of what a user is made of.
const (
	maxEmail    = 254 // bytes
	maxUserName = 100 // bytes
	maxGrants   = 100
	// minPassword and maxPassword bound a password, in bytes. Hashing takes as long
	// for a long one, but what is sent has to have an end.
	minPassword = 12
	maxPassword = 256
)

// checkUser refuses a user that must not be kept: KindInvalid with the parameter
// at fault.
func checkUser(u merchant.User) error {
	parsed, err := mail.ParseAddress(u.Email)
	if err != nil || parsed.Address != u.Email || u.Email != merchant.NormalEmail(u.Email) || len(u.Email) > maxEmail {
		return refund.Errorf(refund.KindInvalid, "email", "email is an address such as name@example.com, of at most %d bytes", maxEmail)
	}
	unprintable := func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }
	if len(u.Name) > maxUserName || strings.ContainsFunc(u.Name, unprintable) || strings.TrimSpace(u.Name) != u.Name {
		return refund.Errorf(refund.KindInvalid, "name", "name is at most %d bytes of text, without blanks at its ends", maxUserName)
	}
	if u.Language != "" && u.Language != "zh" && u.Language != "en" {
		return refund.Errorf(refund.KindInvalid, "language", "language is zh or en")
	}
	if _, err := time.LoadLocation(u.TimeZone); err != nil || u.TimeZone == "Local" {
		return refund.Errorf(refund.KindInvalid, "time_zone", "time_zone is a name such as Asia/Shanghai")
	}
	return checkGrants(u.Grants)
}

func checkGrants(grants []merchant.Grant) error {
	if len(grants) > maxGrants {
		return refund.Errorf(refund.KindInvalid, "roles", "a user has at most %d roles", maxGrants)
	}
	for n, g := range grants {
		switch {
		case g.Role.Scopes() == nil:
			return refund.Errorf(refund.KindInvalid, "role", "there is no role %q; there are viewer, support, operator, approver and admin", g.Role)
		case slices.Contains(grants[:n], g):
			return refund.Errorf(refund.KindInvalid, "roles", "the role %s is given twice", g)
		}
	}
	return nil
}

// checkPassword refuses a password that is too short or too long: KindInvalid.
func checkPassword(password string) error {
	if len(password) < minPassword || len(password) > maxPassword {
		return refund.Errorf(refund.KindInvalid, "password", "a password has %d to %d bytes", minPassword, maxPassword)
	}
	return nil
}
