package store_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// clock is a clock that tests move.
type clock struct{ micros atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.micros.Store(noon.UnixMicro())
	return c
}

func (c *clock) now() time.Time                { return time.UnixMicro(c.micros.Load()).UTC() }
func (c *clock) forward(by time.Duration)      { c.micros.Add(by.Microseconds()) }
func (c *clock) options() store.Options        { return store.Options{Now: c.now} }
func (c *clock) in(by time.Duration) time.Time { return c.now().Add(by) }

// openAt opens a migrated database with a clock of its own.
func openAt(t *testing.T, url string, c *clock) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), url, c.options())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.UseKeyring(keyring(t, 1))
	return s
}

func TestOnlyAKnownKeyOfItsOwnDialectIsACaller(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		f := freshMerchant(t, merchant.PingPP)
		addMerchant(t, s, f)
		good := f.Key(merchant.PingPP)
		for name, key := range map[string][2]string{
			"another dialect's": {merchant.Native, good}, "unknown": {merchant.PingPP, good + "x"}, "none": {merchant.PingPP, ""},
			"too long": {merchant.PingPP, strings.Repeat("x", 257)}, "in capitals": {merchant.PingPP, strings.ToUpper(good)},
		} {
			if _, err := s.Caller(t.Context(), key[0], key[1]); refund.KindOf(err) != refund.KindUnauthenticated {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := s.Caller(t.Context(), merchant.PingPP, good); err != nil {
			t.Errorf("the key itself: %v", err)
		}
	})
}

func TestAKeyEndsAtItsTimeAlsoFromMemory(t *testing.T) {
	eachURL(t, func(t *testing.T, url string) {
		c := newClock()
		s := openAt(t, url, c)
		f := freshMerchant(t, merchant.PingPP)
		f.Keys[0].Key.ExpiresAt = c.in(time.Second)
		addMerchant(t, s, f)
		if _, err := s.Caller(t.Context(), merchant.PingPP, f.Keys[0].Secret); err != nil {
			t.Fatal(err)
		}
		c.forward(time.Second)
		if _, err := s.Caller(t.Context(), merchant.PingPP, f.Keys[0].Secret); refund.KindOf(err) != refund.KindUnauthenticated {
			t.Errorf("after its time: %v", err)
		}
	})
}

func TestWhatAnotherProcessChangesCountsTwoSecondsLater(t *testing.T) {
	eachURL(t, func(t *testing.T, url string) {
		c := newClock()
		here, there := openAt(t, url, c), openAt(t, url, c)
		f := freshMerchant(t, merchant.PingPP)
		addMerchant(t, here, f)
		key := f.Keys[0]
		ask := func() (merchant.Caller, error) { return here.Caller(t.Context(), merchant.PingPP, key.Secret) }
		if _, err := ask(); err != nil {
			t.Fatal(err)
		}
		settings := merchant.Settings{Limits: merchant.Limits{MostAmount: 500, MostRefunds: 3, SpacingSeconds: 60}}
		if err := saveSettings(t, there, f.Merchant.ID, settings); err != nil {
			t.Fatal(err)
		}
		if caller, err := ask(); err != nil || caller.Merchant.Settings.Limits.MostAmount != 0 {
			t.Errorf("at once: %+v, %v: it is not answered from memory", caller.Merchant.Settings, err)
		}
		c.forward(2 * time.Second)
		if caller, err := ask(); err != nil || !cmp.Equal(caller.Merchant.Settings, settings) {
			t.Errorf("two seconds later: %+v, %v", caller.Merchant.Settings, err)
		}
		want := refund.Rules{MostAmount: 500, MostRefunds: 3, Spacing: time.Minute}
		if book, err := here.RuleBook(f.Merchant.ID); err != nil || book.Merchant != want {
			t.Errorf("rules %+v, %v", book, err)
		}
		if err := there.ExpireKey(t.Context(), f.Merchant.ID, key.Key.ID, storetest.Record(f.Merchant.ID), c.now()); err != nil {
			t.Fatal(err)
		}
		c.forward(2 * time.Second)
		if _, err := ask(); refund.KindOf(err) != refund.KindUnauthenticated {
			t.Errorf("two seconds after the key was ended: %v", err)
		}
	})
}

func TestWhatThisProcessChangesCountsAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		f := freshMerchant(t, merchant.PingPP)
		addMerchant(t, s, f)
		if book, err := s.RuleBook(f.Merchant.ID); err != nil || book.Merchant.MostAmount != 0 {
			t.Fatalf("rules %+v, %v", book, err)
		}
		if err := saveSettings(t, s, f.Merchant.ID, merchant.Settings{Limits: merchant.Limits{MostAmount: 7}}); err != nil {
			t.Fatal(err)
		}
		if book, err := s.RuleBook(f.Merchant.ID); err != nil || book.Merchant.MostAmount != 7 {
			t.Errorf("rules %+v, %v", book, err)
		}
		more := described(t, merchant.PingPP).NewKey(f.Merchant, f.Identities[0].Name, nil, noon)
		if err := s.AddKey(t.Context(), more, storetest.Record(f.Merchant.ID)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Caller(t.Context(), merchant.PingPP, more.Secret); err != nil {
			t.Error(err)
		}
		if err := saveSettings(t, s, "mer_none", merchant.Settings{}); refund.KindOf(err) != refund.KindNotFound {
			t.Errorf("settings of nobody: %v", err)
		}
		if err := s.ExpireKey(t.Context(), f.Merchant.ID, "key_none", storetest.Record(f.Merchant.ID), noon); refund.KindOf(err) != refund.KindNotFound {
			t.Errorf("end of no key: %v", err)
		}
	})
}

func TestLimitsThatCannotBeReadAreNotOverlooked(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	s.Close()
	if book, err := s.RuleBook("mer_any"); refund.KindOf(err) != refund.KindBusy {
		t.Errorf("without a database the rules are %+v, %v", book, err)
	}
}

// saveSettings replaces a merchant's settings.
func saveSettings(t *testing.T, s *store.Store, merchantID string, settings merchant.Settings) error {
	t.Helper()
	_, err := s.ChangeSettings(t.Context(), merchantID, storetest.Record(merchantID), func(stored *merchant.Settings, record audit.Record) (audit.Record, error) {
		*stored = settings
		return record, nil
	})
	return err
}
