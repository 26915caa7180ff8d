package store_test

import (
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/sqldb"
	"github.com/refundry/refundry/store/storetest"
)

func userAction(action, id string) refund.Action {
	return refund.Action{Record: audit.New(audit.ByCommand("test"), "", action, id, time.Now())}
}

// aUser writes a user with a role.
func aUser(t *testing.T, s *store.Store, id string) merchant.User {
	t.Helper()
	u := merchant.User{ID: id, Email: id + "@example.com", Grants: []merchant.Grant{{Role: merchant.RoleViewer}}, CreatedAt: time.Now().UTC().Truncate(time.Microsecond)}
	if err := s.AddUser(t.Context(), u, "hash", map[string]string{merchant.SecretPassword: "p"}, userAction("user.add", id)); err != nil {
		t.Fatal(err)
	}
	return u
}

func TestASessionIsOfTheUserAsTheyAreNow(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx, now := t.Context(), time.Now().UTC().Truncate(time.Microsecond)
		u := aUser(t, s, "usr_1")
		if err := s.AddUser(ctx, merchant.User{ID: "usr_2", Email: u.Email}, "", nil, userAction("user.add", "")); refund.KindOf(err) != refund.KindStateConflict {
			t.Errorf("the same address again: %v", err)
		}
		one := merchant.Session{ID: "ses_1", User: u, CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(time.Hour)}
		if err := s.AddSession(ctx, "token", "", one, refund.Action{}); err != nil {
			t.Fatal(err)
		}
		if err := s.AddSession(ctx, "token 2", "token", merchant.Session{ID: "ses_2", User: u, CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(time.Hour)}, refund.Action{}); err != nil {
			t.Fatal(err)
		}
		if _, ok, err := s.Session(ctx, "token"); ok || err != nil {
			t.Errorf("the session that was replaced is there: %v", err)
		}
		if err := s.SeeSession(ctx, "token 2", now.Add(time.Minute), now.Add(2*time.Hour)); err != nil {
			t.Fatal(err)
		}
		found, ok, err := s.Session(ctx, "token 2")
		if err != nil || !ok || !found.SeenAt.Equal(now.Add(time.Minute)) || len(found.User.Grants) != 1 || !found.User.Password {
			t.Errorf("%+v %v %v", found, ok, err)
		}
		listed, err := s.Sessions(ctx, u.ID, now)
		if err != nil || len(listed) != 1 {
			t.Errorf("%v %v", listed, err)
		}
		_, err = s.ChangeUser(ctx, u.ID, userAction("user.disable", u.ID), func(u *merchant.User, r audit.Record) (audit.Record, error) {
			u.DisabledAt, u.Grants = now, nil
			return r, nil
		})
		if _, ok, _ = s.Session(ctx, "token 2"); err != nil || ok {
			t.Errorf("a disabled user has a session: %v", err)
		}
		if err := s.RemoveUser(ctx, u.ID, userAction("user.remove", u.ID)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.User(ctx, u.ID); refund.KindOf(err) != refund.KindNotFound {
			t.Errorf("removed: %v", err)
		}
	})
}

func TestTriesAtOnceAreAllCounted(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx, now := t.Context(), time.Now().UTC().Truncate(time.Microsecond)
		var mu sync.Mutex
		var seen []int64
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				counts, _, err := s.CountTry(ctx, []merchant.TryBound{{Subject: "a", Most: 99}, {Subject: "b", Most: 99}}, now, now.Add(-time.Minute))
				mu.Lock()
				defer mu.Unlock()
				if err != nil || counts[0] != counts[1] {
					t.Errorf("%v %v", counts, err)
					return
				}
				seen = append(seen, counts[0])
			})
		}
		all.Wait()
		slices.Sort(seen)
		if !slices.Equal(seen, []int64{1, 2, 3, 4, 5, 6, 7, 8}) {
			t.Errorf("counted %v", seen)
		}
		later := now.Add(time.Hour)
		counts, since, err := s.CountTry(ctx, []merchant.TryBound{{Subject: "a", Most: 99}}, later, later.Add(-time.Minute))
		if err != nil || counts[0] != 1 || !since[0].Equal(later) {
			t.Errorf("after the window: %v %v %v", counts, since, err)
		}
		for n, want := range []int{2, 1} { // the second is refused by "narrow"
			counts, _, err = s.CountTry(ctx, []merchant.TryBound{{Subject: "narrow", Most: 1}, {Subject: "wide", Most: 99}}, now, now.Add(-time.Minute))
			if err != nil || len(counts) != want {
				t.Errorf("try %d: %v %v", n, counts, err)
			}
		}
		if counts, _, err = s.CountTry(ctx, []merchant.TryBound{{Subject: "wide", Most: 99}}, now, now.Add(-time.Minute)); err != nil || counts[0] != 2 {
			t.Errorf("a refused try counts for the wider bound: %v %v", counts, err)
		}
		rows := func() (n int64) {
			t.Helper()
			err := s.Read(ctx, func(q sqldb.Querier) error {
				return q.Query(ctx, `SELECT COUNT(*) FROM sign_in_tries`, nil, func(scan func(...any) error) error { return scan(&n) })
			})
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		before := rows()
		for n := range 4 { // "narrow" is at its bound: whoever it is, nothing is written
			counts, _, err = s.CountTry(ctx, []merchant.TryBound{{Subject: "new " + strconv.Itoa(n), Most: 9}, {Subject: "narrow", Most: 1}}, now, now.Add(-time.Minute))
			if err != nil || len(counts) != 2 || counts[1] != 2 {
				t.Errorf("refused: %v %v", counts, err)
			}
		}
		if after := rows(); after != before {
			t.Errorf("refused tries left %d rows", after-before)
		}
		for _, want := range []int64{2, 1, 0} { // "b", "narrow" and "wide" began then, "a" an hour later
			if dropped, err := s.ForgetOldTries(ctx, now, 2); err != nil || dropped != want {
				t.Errorf("deleted %d, want %d, %v", dropped, want, err)
			}
		}
		if err := s.ForgetTries(ctx, []string{"a"}); err != nil {
			t.Fatal(err)
		}
		if counts, _, err = s.CountTry(ctx, []merchant.TryBound{{Subject: "b", Most: 99}}, now, now.Add(-time.Minute)); err != nil || counts[0] != 1 {
			t.Errorf("what is over is forgotten: %v %v", counts, err)
		}
	})
}

func TestACodeIsTakenOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		u := aUser(t, s, "usr_1")
		if err := s.OfferTOTP(ctx, u.ID, "KEY"); err != nil {
			t.Fatal(err)
		}
		if err := s.ConfirmTOTP(ctx, u.ID, 7, []string{"AAAAA-BBBBB"}, "", userAction("user.totp_on", u.ID)); err != nil {
			t.Fatal(err)
		}
		if err := s.OfferTOTP(ctx, u.ID, "OTHER"); refund.KindOf(err) != refund.KindStateConflict {
			t.Errorf("another key while one counts: %v", err)
		}
		var mu sync.Mutex
		taken := 0
		var all sync.WaitGroup
		for n := range 8 {
			all.Go(func() {
				take := func() (bool, error) { return s.UseStep(ctx, u.ID, 8) }
				if n%2 == 0 {
					take = func() (bool, error) { return s.UseCode(ctx, u.ID, "AAAAA-BBBBB", time.Now()) }
				}
				ok, err := take()
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				if ok {
					taken++
				}
			})
		}
		all.Wait()
		if taken != 2 {
			t.Errorf("%d codes were taken, want the step and the recovery code once each", taken)
		}
		if ok, err := s.UseStep(ctx, u.ID, 7); ok || err != nil {
			t.Errorf("an older code: %v %v", ok, err)
		}
		if err := s.ClearTOTP(ctx, u.ID, "", userAction("user.totp_off", u.ID)); err != nil {
			t.Fatal(err)
		}
		secrets, err := s.UserSecrets(ctx, u.ID)
		if err != nil || secrets[merchant.SecretTOTP] != "" || secrets[merchant.SecretPassword] != "p" {
			t.Errorf("%v %v", secrets, err)
		}
	})
}
