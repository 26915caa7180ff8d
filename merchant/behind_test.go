package merchant_test

import (
	"testing"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
)

func TestWhoMayActAsAUser(t *testing.T) {
	reset := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	after := func(hours int) time.Time { return reset.Add(time.Duration(hours) * time.Hour) }
	const ann = audit.Behind("user ann@example.com")
	for name, test := range map[string]struct {
		u    merchant.User
		at   time.Time
		want audit.Behind
	}{
		"a password of their own":                {merchant.User{}, after(0), ""},
		"who set the password":                   {merchant.User{PasswordBy: ann, PasswordAt: reset}, after(0), ann},
		"for as long as it is in force":          {merchant.User{PasswordBy: ann, PasswordAt: reset}, after(9999), ann},
		"whoever changed it within the day":      {merchant.User{PasswordBy: ann, PasswordAt: reset, OwnPasswordAt: after(1)}, after(23), ann},
		"not after the day":                      {merchant.User{PasswordBy: ann, PasswordAt: reset, OwnPasswordAt: after(1)}, after(24), ""},
		"not once it was changed after the day":  {merchant.User{PasswordBy: ann, PasswordAt: reset, OwnPasswordAt: after(30)}, after(30), ""},
		"a password of their own was before":     {merchant.User{PasswordBy: ann, PasswordAt: reset, OwnPasswordAt: after(-1)}, after(9999), ann},
		"who ended the second factor":            {merchant.User{TOTPResetBy: ann, TOTPResetAt: reset}, after(9999), ann},
		"with another for the day":               {merchant.User{TOTPResetBy: ann, TOTPResetAt: reset, TOTPAt: after(1)}, after(23), ann},
		"with another, after the day":            {merchant.User{TOTPResetBy: ann, TOTPResetAt: reset, TOTPAt: after(1)}, after(24), ""},
		"another password counts for that, too":  {merchant.User{TOTPResetBy: ann, TOTPResetAt: reset, OwnPasswordAt: after(1)}, after(24), ""},
		"a second factor does not for passwords": {merchant.User{PasswordBy: ann, PasswordAt: reset, TOTPAt: after(1)}, after(24), ann},
		"both": {
			merchant.User{PasswordBy: ann, PasswordAt: reset, TOTPResetBy: "key key_1, user ben@example.com", TOTPResetAt: reset},
			after(1),
			"user ann@example.com, key key_1, user ben@example.com",
		},
		"the command line is nobody": {merchant.User{PasswordBy: "command root", PasswordAt: reset}, after(1), ""},
	} {
		if got := test.u.Behind(test.at); got != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}
