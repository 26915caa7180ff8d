package intake_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// askNamed is ask by the charge's name in a dialect.
func askNamed(c refund.Charge, amount money.Minor, number, key string) refund.Unit {
	unit := ask(c, amount, number, key)
	return refund.Unit{
		MerchantID: unit.MerchantID, By: unit.By,
		ByName: &refund.ByName{Dialect: "pingpp", Name: c.Aliases[0].Name, Complete: func(found refund.Charge) (refund.Unit, error) {
			if found.ID != c.ID {
				return refund.Unit{}, fmt.Errorf("charge %s, want %s", found.ID, c.ID)
			}
			return ask(found, amount, number, key), nil
		}},
	}
}

// together has units accepted in one batch.
func together(t *testing.T, d *desk, units ...refund.Unit) []reply {
	t.Helper()
	answers := make([]reply, len(units))
	done := make(chan struct{})
	for n, unit := range units {
		before := d.Waiting()
		go func() {
			answers[n].Result, answers[n].err = d.Accept(t.Context(), unit, 0)
			done <- struct{}{}
		}()
		waitUntil(t, "the unit waits", func() bool { return d.Waiting() > before })
	}
	for d.Waiting() > 0 {
		d.Step(t.Context())
	}
	for range units {
		for waiting := true; waiting; {
			select {
			case <-done:
				waiting = false
			default:
				d.Step(t.Context()) // what goes apart
			}
		}
	}
	return answers
}

type reply struct {
	intake.Result
	err error
}

// Of units in one batch whose charges are known by name, those that can't be
// completed end alone, and use up no number.
func TestNamedUnitsEndAlone(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		charges := chargesOf(t, s, newMerchant(), 5, 1000)
		damage(t, s, charges[1])
		d := idle(s, intake.Options{})
		errRefused := errors.New("refused by the dialect")
		refuses, panics, wrong, unknown := askNamed(charges[2], 1, "R2", ""), askNamed(charges[3], 1, "R3", ""), askNamed(charges[3], 1, "R3", ""), askNamed(charges[3], 1, "R3", "")
		refuses.ByName.Complete = func(refund.Charge) (refund.Unit, error) { return refund.Unit{}, errRefused }
		panics.ByName.Complete = func(refund.Charge) (refund.Unit, error) { panic("a fault of the dialect") }
		wrong.ByName.Complete = func(refund.Charge) (refund.Unit, error) { return ask(charges[4], 1, "R3", ""), nil }
		unknown.ByName.Name = "ch_none"
		answers := together(t, d,
			askNamed(charges[0], 10, "R0", "key 0"), askNamed(charges[1], 1, "R1", ""), refuses, panics, wrong, unknown, ask(charges[0], 5, "R5", ""), askNamed(charges[0], 10, "R0", "key 0"))
		for n, want := range []struct {
			kind     refund.Kind
			repeated bool
		}{{}, {kind: refund.KindCorrupt}, {kind: refund.KindInternal}, {kind: refund.KindInternal}, {kind: refund.KindInternal}, {kind: refund.KindChargeNotFound}, {}, {repeated: true}} {
			got := answers[n]
			switch {
			case want.kind == "" && (got.err != nil || got.Repeated != want.repeated || len(got.Refunds) != 1 || got.Charges[charges[0].ID].ID == ""):
				t.Errorf("unit %d: %+v, %v", n, got.Result, got.err)
			case want.kind != "" && (got.err == nil || refund.KindOf(got.err) != want.kind):
				t.Errorf("unit %d: %v, want %s", n, got.err, want.kind)
			}
		}
		if !errors.Is(answers[2].err, errRefused) {
			t.Errorf("refused with %v", answers[2].err)
		}
		if answers[0].Refunds[0].ID != answers[7].Refunds[0].ID {
			t.Error("a repeat in the same batch is another refund")
		}
		checkHeld(t, s, charges[0], 15)
		for _, again := range together(t, d, askNamed(charges[2], 7, "R2", ""), askNamed(charges[3], 7, "R3", "")) {
			if again.err != nil || again.Repeated {
				t.Errorf("a number of a unit that ended: %+v, %v", again.Result, again.err)
			}
		}
		checkHeld(t, s, charges[4], 0)
	})
}

// damage makes a charge's texts unreadable.
func damage(t *testing.T, s *store.Store, c refund.Charge) {
	t.Helper()
	text := fmt.Sprintf("UPDATE charges SET detail = '{' WHERE merchant_id = '%s' AND id = '%s'", c.MerchantID, c.ID)
	if err := s.DB().Maintain(t.Context(), text); err != nil {
		t.Fatal(err)
	}
}

// A charge's own id is a name, unless it is also another charge's in a dialect.
func TestAChargesOwnIDIsAName(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		charges := chargesOf(t, s, newMerchant(), 3, 1000)
		text := fmt.Sprintf(`INSERT INTO charge_aliases (merchant_id, dialect, name, identity, charge_id) VALUES ('%s', 'wallet', '%s', 'w', '%s')`,
			charges[1].MerchantID, charges[1].ID, charges[2].ID)
		if err := s.DB().Maintain(t.Context(), text); err != nil {
			t.Fatal(err)
		}
		own, shared := askNamed(charges[0], 1, "", ""), askNamed(charges[1], 1, "", "")
		for n, unit := range []refund.Unit{own, shared} {
			unit.ByName.Dialect, unit.ByName.Name = "", charges[n].ID
		}
		answers := together(t, idle(s, intake.Options{}), own, shared)
		if answers[0].err != nil {
			t.Errorf("its own id: %v", answers[0].err)
		}
		if refund.KindOf(answers[1].err) != refund.KindChargeNotFound {
			t.Errorf("an id that is another's name: %+v, %v", answers[1].Result, answers[1].err)
		}
	})
}

// A name in another merchant's or dialect's mouth is no name.
func TestANameIsItsMerchantsAndItsDialects(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := chargesOf(t, s, newMerchant(), 1, 1000)[0]
		d := idle(s, intake.Options{})
		other, dialect := askNamed(c, 1, "", ""), askNamed(c, 1, "", "")
		other.MerchantID, dialect.ByName.Dialect = newMerchant(), "payin"
		for n, got := range together(t, d, other, dialect) {
			if refund.KindOf(got.err) != refund.KindChargeNotFound {
				t.Errorf("unit %d: %+v, %v", n, got.Result, got.err)
			}
		}
		checkHeld(t, s, c, 0)
	})
}

// One charge of 100 is named and asked for 60, 60, 40 and 1 in one batch.
func TestNamedUnitsOfOneChargeNeverTakeMoreThanWasPaid(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := chargesOf(t, s, newMerchant(), 1, 100)[0]
		d := idle(s, intake.Options{})
		accepted := 0
		for _, got := range together(t, d, askNamed(c, 60, "a", ""), ask(c, 60, "b", ""), askNamed(c, 40, "c", ""), askNamed(c, 1, "d", "")) {
			if got.err == nil {
				accepted++
			}
		}
		if accepted != 2 {
			t.Errorf("%d accepted, want 60 and 40", accepted)
		}
		checkHeld(t, s, c, 100)
	})
}

// A unit has requests or is completed later.
func TestAUnitThatIsToBeCompletedHasNoRequests(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := chargesOf(t, s, newMerchant(), 1, 100)[0]
		unit := ask(c, 1, "", "")
		unit.ByName = askNamed(c, 1, "", "").ByName
		_, err := idle(s, intake.Options{}).Accept(t.Context(), unit, 0)
		if refund.KindOf(err) != refund.KindInternal || err == nil {
			t.Errorf("accepted with %v", err)
		}
	})
}

// repeating runs the first transaction twice, as after a deadlock.
type repeating struct {
	*store.Store
	runs int
}

func (c *repeating) InTx(ctx context.Context, work func(intake.Tx) error) error {
	c.runs++
	undo := errors.New("undone")
	if c.runs == 1 {
		err := c.Store.InTx(ctx, func(tx intake.Tx) error {
			if err := work(tx); err != nil {
				return err
			}
			return undo
		})
		if !errors.Is(err, undo) {
			return err
		}
	}
	return c.Store.InTx(ctx, work)
}

// A damaged charge that is named ends its unit alone, also in a run that is repeated.
func TestADamagedChargeThatIsNamedEndsAloneAfterADeadlock(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		charges := chargesOf(t, s, newMerchant(), 6, 1000)
		damage(t, s, charges[0])
		c := &repeating{Store: s}
		d := idle(c, intake.Options{})
		var units []refund.Unit
		for n := range charges {
			units = append(units, askNamed(charges[n], 1, "", ""))
		}
		answers := together(t, d, units...)
		for n, a := range answers {
			if (n == 0) != (a.err != nil) {
				t.Errorf("unit %d: %v", n, a.err)
			}
		}
		if c.runs > 1 {
			t.Errorf("%d transactions of the batch, want 1", c.runs)
		}
	})
}
