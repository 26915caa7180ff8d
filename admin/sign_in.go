package admin

import (
	"context"
	"crypto/rand"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/secret"
)

// Sessions keeps who is signed in, and how often signing in was tried.
type Sessions interface {
	// AddSession writes a session, and removes the one with the token before.
	AddSession(ctx context.Context, token, before string, one merchant.Session, record refund.Action) error
	// Session finds a session by its token, with its user as they are now.
	Session(ctx context.Context, token string) (one merchant.Session, ok bool, err error)
	// SeeSession notes that a session was used.
	SeeSession(ctx context.Context, token string, at, expiresAt time.Time) error
	// Sessions lists where a user is signed in.
	Sessions(ctx context.Context, userID string, now time.Time) ([]merchant.Session, error)
	// EndSessions ends the session named, or with "" all but keep, and returns how many.
	EndSessions(ctx context.Context, userID, id, keep string, record refund.Action) (int64, error)
	// CountTry counts a try for each bound's subject in one commit, and stops behind the
	// first that is above its bound. It returns how many tries of the subjects it came
	// to there were since when. What began before window is counted anew. A try that is
	// refused by what was counted before writes nothing.
	CountTry(ctx context.Context, bounds []merchant.TryBound, now, window time.Time) (counts []int64, since []time.Time, err error)
	// ForgetTries forgets subjects.
	ForgetTries(ctx context.Context, subjects []string) error
	// ForgetOldTries deletes at most limit subjects that began before window, and
	// returns how many.
	ForgetOldTries(ctx context.Context, window time.Time, limit int) (int64, error)
}

// The lives of sessions.
const (
	// sessionIdle ends a session that was not used.
	sessionIdle = 2 * time.Hour
	// sessionLife ends any session: a working day.
	sessionLife = 12 * time.Hour
	// codeLife is how long the second factor is waited for.
	codeLife = 5 * time.Minute
	// sessionSeen is how often it is noted that a session was used.
	sessionSeen = time.Minute
)

// How often signing in may be tried in tryWindow. Who tries an account from one
// address meets the lowest bound first, and a try that it refuses counts for nothing
// else, so that nobody at one address keeps the account's owner out from elsewhere.
const (
	tryWindow       = 15 * time.Minute
	triesOfBoth     = 10
	triesOfAddress  = 50
	triesOfAccount  = 100
	maxSessionAgent = 200 // bytes
)

// SignIn is somebody who wants to sign in.
type SignIn struct {
	Email, Password string
	// Address and Agent are the caller's IP address and browser.
	Address, Agent string
	RequestID      string
	// Before is the token of the session that the browser has, which ends.
	Before string
}

// errSignIn says nothing of which of the two is wrong.
var errSignIn = refund.Errorf(refund.KindUnauthenticated, "password", "this address and password are not known together")

// SignIn checks a password and begins a session, whose token it returns; one that
// NeedsCode opens nothing until Confirm. Errors: KindUnauthenticated, and KindBusy
// for somebody who tried too often.
func (a *Admin) SignIn(ctx context.Context, in SignIn) (token string, session merchant.Session, err error) {
	in.Email = merchant.NormalEmail(in.Email)
	if err := a.countTry(ctx, in.Email, in.Address); err != nil {
		return "", merchant.Session{}, err
	}
	var u merchant.User
	hash := ""
	if utf8.ValidString(in.Email) && !strings.ContainsRune(in.Email, 0) { // else it is nobody's
		var err error
		u, hash, err = a.s.Store.UserByEmail(ctx, in.Email)
		if err != nil && refund.KindOf(err) != refund.KindNotFound {
			return "", merchant.Session{}, err
		}
	}
	if len(in.Password) > maxPassword || u.Disabled() {
		hash = ""
	}
	if !secret.PasswordFits(in.Password, hash) {
		a.s.Log.Info("sign-in refused", "address", in.Address, "user", u.ID)
		return "", merchant.Session{}, errSignIn
	}
	token, session, err = a.beginSession(ctx, u, in, u.TOTP)
	if err != nil || session.NeedsCode {
		return token, session, err // the code's tries count as well
	}
	return token, session, a.forgetTries(ctx, in.Email, in.Address)
}

// SignInVerified begins a session of a user whose address a provider has verified.
// A second factor of ours is asked for all the same. KindUnauthenticated where there
// is no such user, or they are disabled.
func (a *Admin) SignInVerified(ctx context.Context, in SignIn) (string, merchant.Session, error) {
	u, _, err := a.s.Store.UserByEmail(ctx, merchant.NormalEmail(in.Email))
	switch {
	case err != nil && refund.KindOf(err) != refund.KindNotFound:
		return "", merchant.Session{}, err
	case err != nil || u.Disabled():
		return "", merchant.Session{}, refund.Errorf(refund.KindUnauthenticated, "", "there is no user of this address here; an admin can add one")
	}
	return a.beginSession(ctx, u, in, u.TOTP)
}

// tryBounds are what tries are counted by, the narrowest first. address is "" for
// somebody who is signed in, and then no subject.
func tryBounds(email, address string) []merchant.TryBound {
	address = network(address)
	bounds := []merchant.TryBound{{Subject: "both " + email + " " + address, Most: triesOfBoth}}
	if address != "" {
		bounds = append(bounds, merchant.TryBound{Subject: "address " + address, Most: triesOfAddress})
	}
	return append(bounds, merchant.TryBound{Subject: "account " + email, Most: triesOfAccount})
}

// countTry counts a try before it is made, so that many at once count too. KindBusy
// for one too many.
func (a *Admin) countTry(ctx context.Context, email, address string) error {
	now, bounds := a.now(), tryBounds(email, address)
	if until, refused := a.refusedTries.refused(bounds, now); refused {
		return tooManyTries(until, now)
	}
	counts, since, err := a.s.Store.CountTry(ctx, bounds, now, now.Add(-tryWindow))
	if err != nil {
		return err
	}
	for n, count := range counts {
		if count > bounds[n].Most {
			until := since[n].Add(tryWindow)
			a.refusedTries.note(bounds[n].Subject, until, now)
			return tooManyTries(until, now)
		}
	}
	return nil
}

func tooManyTries(until, now time.Time) error {
	wait := until.Sub(now).Round(time.Minute)
	return refund.Errorf(refund.KindBusy, "", "too many tries to sign in; try again in %d minutes", max(1, int(wait/time.Minute)))
}

// forgetTries forgets what was counted of an account. What was counted of the address
// stays: another account may be tried from there.
func (a *Admin) forgetTries(ctx context.Context, email, address string) error {
	bounds := tryBounds(email, address)
	return a.s.Store.ForgetTries(ctx, []string{bounds[0].Subject, bounds[len(bounds)-1].Subject})
}

// beginSession makes a session with a token that nobody knew before.
func (a *Admin) beginSession(ctx context.Context, u merchant.User, in SignIn, needsCode bool) (string, merchant.Session, error) {
	now := a.now()
	one := merchant.Session{
		ID: "ses_" + merchant.RandomLetters(userIDLength), User: u, NeedsCode: needsCode, Address: in.Address,
		Agent: strings.ToValidUTF8(in.Agent[:min(len(in.Agent), maxSessionAgent)], ""), CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(sessionIdle),
	}
	action := refund.Action{}
	if needsCode {
		one.ExpiresAt = now.Add(codeLife)
	} else {
		record, err := a.record(By{Actor: audit.ByUser(u.Email), RequestID: in.RequestID}, "", "user.sign_in", u.Email)
		if err != nil {
			return "", merchant.Session{}, err
		}
		action = record.With("address", in.Address)
	}
	token := rand.Text() + rand.Text() // 260 bits
	if err := a.s.Store.AddSession(ctx, token, in.Before, one, action); err != nil {
		return "", merchant.Session{}, err
	}
	if !needsCode {
		a.done("")
	}
	return token, one, nil
}

// Session returns the session of a token, with its user as they are now. ok is
// false for one that has ended, and for a user who is disabled.
func (a *Admin) Session(ctx context.Context, token string) (one merchant.Session, ok bool, err error) {
	if token == "" {
		return merchant.Session{}, false, nil
	}
	one, ok, err = a.s.Store.Session(ctx, token)
	now := a.now()
	if err != nil || !ok || one.User.Disabled() || !one.ExpiresAt.After(now) {
		return merchant.Session{}, false, err
	}
	if !one.NeedsCode && now.Sub(one.SeenAt) >= sessionSeen {
		one.SeenAt = now
		if one.ExpiresAt = now.Add(sessionIdle); one.ExpiresAt.After(one.CreatedAt.Add(sessionLife)) {
			one.ExpiresAt = one.CreatedAt.Add(sessionLife)
		}
		if err := a.s.Store.SeeSession(ctx, token, now, one.ExpiresAt); err != nil {
			a.s.Log.Warn("a session's use was not noted", "session", one.ID, "error", err)
		}
	}
	return one, true, nil
}

// SignOut ends a session.
func (a *Admin) SignOut(ctx context.Context, one merchant.Session) error {
	_, err := a.s.Store.EndSessions(ctx, one.User.ID, one.ID, "", refund.Action{})
	return err
}

// EndSessions ends a user's sessions: the one named, or with "" all but keep.
func (a *Admin) EndSessions(ctx context.Context, by By, id string, bounds UserBounds, session, keep string) (int64, error) {
	u, err := a.managed(ctx, by, id, bounds)
	if err != nil {
		return 0, err
	}
	record, err := a.record(by, bounds.MerchantID, "user.end_sessions", u.Email)
	if err != nil {
		return 0, err
	}
	ended, err := a.s.Store.EndSessions(ctx, id, session, keep, record)
	if err != nil {
		return 0, err
	}
	a.done(bounds.MerchantID)
	return ended, nil
}
