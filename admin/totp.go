package admin

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// SecondFactors keeps the second factors of users. Absent is KindNotFound.
type SecondFactors interface {
	// UserSecrets are a user's secrets by name.
	UserSecrets(ctx context.Context, id string) (map[string]string, error)
	// OfferTOTP keeps a key that counts for nothing until ConfirmTOTP.
	// KindStateConflict where another counts already.
	OfferTOTP(ctx context.Context, id, key string) error
	// ConfirmTOTP has the key count, the code of a time step being used, keeps hashes
	// of recovery codes, and ends the user's sessions but the one named keep.
	ConfirmTOTP(ctx context.Context, id string, step int64, codes []string, keep string, record refund.Action) error
	// ClearTOTP forgets key and recovery codes. by is who does it for the user, "" for
	// the user.
	ClearTOTP(ctx context.Context, id string, by audit.Behind, record refund.Action) error
	// UseStep takes the code of a time step, once: false for one that is not later
	// than the last that was taken.
	UseStep(ctx context.Context, id string, step int64) (bool, error)
	// UseCode takes a recovery code by its text, once.
	UseCode(ctx context.Context, id, code string, at time.Time) (bool, error)
}

// The second factor is TOTP (RFC 6238) with what every app takes: SHA-1, six
// digits, steps of 30 seconds; a code of the step before or behind is taken too.
const (
	totpStep      = 30 // seconds
	totpDigits    = 1_000_000
	totpSkew      = 1
	totpKey       = 20 // bytes
	recoveryCodes = 10
)

// TOTPOffer is a key for an app that makes codes.
type TOTPOffer struct {
	// Key is the text to type, Address the otpauth address that a QR code holds.
	Key, Address string
}

// OfferTOTP makes a key for the user themselves, which counts from ConfirmTOTP on.
func (a *Admin) OfferTOTP(ctx context.Context, by By, id string) (TOTPOffer, error) {
	u, err := a.self(ctx, by, id)
	if err != nil {
		return TOTPOffer{}, err
	}
	key := make([]byte, totpKey)
	_, _ = rand.Read(key) // documented never to fail
	text := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(key)
	if err := a.s.Store.OfferTOTP(ctx, id, text); err != nil {
		return TOTPOffer{}, err
	}
	query := url.Values{"secret": {text}, "issuer": {"Refundry"}}
	return TOTPOffer{text, "otpauth://totp/" + url.PathEscape("Refundry:"+u.Email) + "?" + query.Encode()}, nil
}

// ConfirmTOTP has a key count once the user has shown that their app makes its
// codes, and returns recovery codes, which are shown once. Other sessions end.
func (a *Admin) ConfirmTOTP(ctx context.Context, by By, id, code, keep string) ([]string, error) {
	u, err := a.self(ctx, by, id)
	if err != nil {
		return nil, err
	}
	if u.TOTP {
		return nil, refund.Errorf(refund.KindStateConflict, "code", "the second factor is on already")
	}
	step, ok, err := a.codeStep(ctx, id, code)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errCode
	}
	record, err := a.record(by, "", "user.totp_on", u.Email)
	if err != nil {
		return nil, err
	}
	codes := make([]string, recoveryCodes)
	for n := range codes {
		text := rand.Text()
		codes[n] = text[:5] + "-" + text[5:10]
	}
	record.Write.Shows(id, strings.Join(codes, " "))
	if err := a.s.Store.ConfirmTOTP(ctx, id, step, codes, keep, record); err != nil {
		return nil, err
	}
	a.done("")
	return codes, nil
}

// errCode says that a code was not taken.
var errCode = refund.Errorf(refund.KindInvalid, "code", "this code is wrong, over or used; take the next one")

// codeStep finds the time step of which a code is.
func (a *Admin) codeStep(ctx context.Context, id, code string) (int64, bool, error) {
	secrets, err := a.s.Store.UserSecrets(ctx, id)
	if err != nil {
		return 0, false, err
	}
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secrets[merchant.SecretTOTP])
	if err != nil || len(key) == 0 {
		return 0, false, nil
	}
	now := a.now().Unix() / totpStep
	for step := now - totpSkew; step <= now+totpSkew; step++ {
		if subtle.ConstantTimeCompare([]byte(totpCode(key, step)), []byte(code)) == 1 {
			return step, true, nil
		}
	}
	return 0, false, nil
}

// totpCode is the code of a time step: RFC 4226, section 5.3.
func totpCode(key []byte, step int64) string {
	mac := hmac.New(sha1.New, key)
	_, _ = mac.Write(binary.BigEndian.AppendUint64(nil, uint64(step)))
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[at:])&0x7fffffff)%totpDigits)
}

// useCode takes a code of the app or a recovery code, once, on whatever replica.
func (a *Admin) useCode(ctx context.Context, u merchant.User, code string) (bool, error) {
	code = strings.ToUpper(strings.Join(strings.Fields(code), ""))
	if len(code) == recoveryLength {
		return a.s.Store.UseCode(ctx, u.ID, code, a.now())
	}
	step, ok, err := a.codeStep(ctx, u.ID, code)
	if err != nil || !ok {
		return false, err
	}
	return a.s.Store.UseStep(ctx, u.ID, step)
}

// recoveryLength is how long a recovery code is, its dash included.
const recoveryLength = 11

// ConfirmSignIn takes the code of the second factor, and begins the session for
// which the password was right, with a token of its own. KindInvalid for a wrong
// code, KindUnauthenticated where the password has to come again, KindBusy for
// too many tries.
func (a *Admin) ConfirmSignIn(ctx context.Context, waiting string, code string, in SignIn) (string, merchant.Session, error) {
	one, ok, err := a.Session(ctx, waiting)
	if err != nil {
		return "", merchant.Session{}, err
	}
	if !ok || !one.NeedsCode {
		return "", merchant.Session{}, refund.Errorf(refund.KindUnauthenticated, "", "sign in with the password again")
	}
	if err := a.countTry(ctx, one.User.Email, in.Address); err != nil {
		return "", merchant.Session{}, err
	}
	ok, err = a.useCode(ctx, one.User, code)
	if err == nil && !ok {
		err = errCode
	}
	if err != nil {
		return "", merchant.Session{}, err
	}
	in.Before = waiting
	token, session, err := a.beginSession(ctx, one.User, in, false)
	if err != nil {
		return "", merchant.Session{}, err
	}
	return token, session, a.forgetTries(ctx, one.User.Email, in.Address)
}

// DropTOTP ends the user's own second factor, with one more code.
func (a *Admin) DropTOTP(ctx context.Context, by By, id, code string) error {
	u, err := a.self(ctx, by, id)
	if err != nil {
		return err
	}
	if err := a.countTry(ctx, u.Email, ""); err != nil {
		return err
	}
	ok, err := a.useCode(ctx, u, code)
	if err == nil && !ok {
		err = errCode
	}
	if err != nil {
		return err
	}
	return a.clearTOTP(ctx, by, u, "", "user.totp_off")
}

// ResetTOTP ends the second factor of a user who has lost it.
func (a *Admin) ResetTOTP(ctx context.Context, by By, id string, bounds UserBounds) error {
	u, err := a.managed(ctx, by, id, bounds)
	if err != nil {
		return err
	}
	return a.clearTOTP(ctx, by, u, bounds.MerchantID, "user.totp_reset")
}

func (a *Admin) clearTOTP(ctx context.Context, by By, u merchant.User, merchantID, action string) error {
	record, err := a.record(by, merchantID, action, u.Email)
	if err != nil {
		return err
	}
	setBy, err := a.resets(ctx, by, u)
	if err != nil {
		return err
	}
	record.Write.Makes(u.ID)
	if err := a.s.Store.ClearTOTP(ctx, u.ID, setBy, record); err != nil {
		return err
	}
	a.done(merchantID)
	return nil
}

// self finds the user who acts for themselves. KindForbidden for anybody else.
func (a *Admin) self(ctx context.Context, by By, id string) (merchant.User, error) {
	if err := by.check(); err != nil {
		return merchant.User{}, err
	}
	u, err := a.s.Store.User(ctx, id)
	if err == nil && by.Actor != audit.ByUser(u.Email) {
		err = refund.Errorf(refund.KindForbidden, "user", "this is for the user themselves")
	}
	return u, err
}
