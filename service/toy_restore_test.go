package service

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/toytest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/sqlitefile"
	"github.com/refundry/refundry/store/sqldb"
)

// restoredFrom ends the service and starts one on a backup of its database; the
// bank stays.
func (w *toyWorld) restoredFrom(backup, path, data string) {
	w.Helper()
	stop(w.T, w.Service)
	text, err := os.ReadFile(backup)
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		_ = os.Remove(name)
	}
	if err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		w.Fatal(err)
	}
	w.Service = start(w.T, Options{Database: "sqlite:" + path, Data: data, Drivers: map[string]channel.Driver{toytest.Name: toytest.Driver{Bank: w.bank}}})
}

// A refund that was made after the backup is known to the channel alone. Nothing
// is sent before the channel was asked, and then the same money can't go back twice.
func TestAfterARestoreTheChannelIsAskedBeforeAnythingIsSent(t *testing.T) {
	dir := t.TempDir()
	path, data := filepath.Join(dir, "shop.db"), filepath.Join(dir, "data")
	w := newToyWorldIn(t, "sqlite:"+path, data)
	whole, part := w.charge("tx-whole"), w.charge("tx-part")
	kept := w.accept(part, 1_000, refund.Succeeded)
	if err := w.Store.DB().CopyTo(t.Context(), filepath.Join(dir, "copy.db"), sqlitefile.Copy); err != nil {
		t.Fatal(err)
	}
	backup := w.now()
	w.accept(whole, 100_000, refund.Succeeded)
	w.accept(part, 2_000, refund.Succeeded)
	working := w.asked(part, 58)
	w.await(working, refund.Pending)

	w.restoredFrom(filepath.Join(dir, "copy.db"), path, data)
	account, err := w.Store.ChannelAccount(t.Context(), w.account.ID)
	if err != nil || account.State != merchant.AccountPaused || account.AskSince.IsZero() || account.AskSince.After(backup) {
		t.Fatalf("it starts %s, to be asked since %s (backup at %s), %v", account.State, account.AskSince, backup, err)
	}
	again := w.asked(part, 2_000) // the merchant repeats what was forgotten
	for action, err := range map[string]error{
		"resume": second(w.admin.ResumeAccount(t.Context(), w.by, w.owner, w.account.ID)),
		"close":  second(w.admin.CloseAccount(t.Context(), w.by, w.owner, w.account.ID)),
	} {
		if err == nil {
			t.Errorf("%s is allowed before the channel was asked", action)
		}
	}

	found, err := w.admin.AskAccount(t.Context(), w.by, w.owner, w.account.ID, backup, nil)
	if refund.KindOf(err) != refund.KindStateConflict || len(found.Open) != 1 || found.Open[0] != working.ChannelNumber {
		t.Errorf("with a refund that has not ended: %v, %v", found.Open, err)
	}
	if len(found.Adopted) != 2 || found.Known != 1 || !slices.Equal(found.Alike, []string{again.ID}) {
		t.Errorf("adopted %v, known %d, alike %v", found.Adopted, found.Known, found.Alike)
	}
	if err := second(w.admin.ResumeAccount(t.Context(), w.by, w.owner, w.account.ID)); err == nil {
		t.Error("it is resumed while a refund has not ended at the channel")
	}
	w.bank.Finish(working.ChannelNumber)
	found, err = w.admin.AskAccount(t.Context(), w.by, w.owner, w.account.ID, time.Time{}, nil)
	if err != nil || len(found.Adopted) != 1 || found.Known != 3 {
		t.Fatalf("asked again: adopted %v, known %d, %v", found.Adopted, found.Known, err)
	}
	if _, _, err := w.admin.CancelRefund(t.Context(), w.by, w.owner, again.ID); err != nil {
		t.Fatal(err)
	}
	if err := second(w.admin.ResumeAccount(t.Context(), w.by, w.owner, w.account.ID)); err != nil {
		t.Fatal(err)
	}
	for transaction, want := range map[string]money.Minor{"tx-whole": 100_000, "tx-part": 3_058} {
		id := map[string]string{"tx-whole": whole.ID, "tx-part": part.ID}[transaction]
		if c, err := w.Store.Charge(t.Context(), w.owner, id); err != nil || c.Refunded != want || c.Reserved != 0 {
			t.Errorf("%s has %d refunded and %d reserved, %v", transaction, c.Refunded, c.Reserved, err)
		}
	}
	amount := money.Minor(1)
	_, err = w.intake.Accept(t.Context(), refund.Unit{MerchantID: w.owner, Requests: []refund.Request{{ChargeID: whole.ID, Amount: &amount}}, Members: []refund.Content{{}}}, 0)
	if refund.As(err) == nil {
		t.Errorf("what was given back already is accepted again: %v", err)
	}
	if got := w.refund(kept); got.State != refund.Succeeded {
		t.Errorf("what the backup had is %s", got.State)
	}
	w.accept(part, 500, refund.Succeeded)
	if problems, err := Verify(t.Context(), w.Store); err != nil || len(problems) != 0 {
		t.Errorf("verify finds %v, %v", problems, err)
	}
	records, err := w.Store.AuditRecords(t.Context(), w.owner, 0, 100)
	text := ""
	for _, r := range records {
		text += r.Action + " " + r.Actor.String() + " complete=" + r.Detail["complete"] + "\n"
	}
	for _, want := range []string{
		"account.pause command serve, after a restore", "account.check command root complete=false", "account.check command root complete=true", "account.resume command root",
	} {
		if err != nil || strings.Count(text, want) != 1 {
			t.Errorf("the records lack one %q: %v\n%s", want, err, text)
		}
	}
}

// asked has a refund accepted without waiting for the channel.
func (w *toyWorld) asked(c refund.Charge, amount money.Minor) refund.Refund {
	w.Helper()
	result, err := w.intake.Accept(w.Context(), refund.Unit{MerchantID: w.owner, Requests: []refund.Request{{ChargeID: c.ID, Amount: &amount}}, Members: []refund.Content{{}}}, 0)
	if err != nil {
		w.Fatal(err)
	}
	return result.Refunds[0]
}

func (w *toyWorld) await(r refund.Refund, want refund.State) {
	w.Helper()
	for deadline := time.Now().Add(patience); w.refund(r).State != want; <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.Fatalf("it is %s, not %s", w.refund(r).State, want)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// A charge may be lost together with its refund: the bill shows it, and what was
// given back is adopted when the charge is registered again.
func TestAfterARestoreAChargeThatWasLostIsAskedAboutByTheBill(t *testing.T) {
	dir := t.TempDir()
	path, data := filepath.Join(dir, "shop.db"), filepath.Join(dir, "data")
	w := newToyWorldIn(t, "sqlite:"+path, data)
	if err := w.Store.DB().CopyTo(t.Context(), filepath.Join(dir, "copy.db"), sqlitefile.Copy); err != nil {
		t.Fatal(err)
	}
	backup := w.now()
	w.accept(w.charge("tx-lost"), 100_000, refund.Succeeded)
	w.restoredFrom(filepath.Join(dir, "copy.db"), path, data)
	// The bill of the day itself is not ready. That is no matter once the account has
	// been paused for a day and longer.
	w.bank.BillsUntil = w.now().UTC().Truncate(24 * time.Hour)
	w.bank.Date(w.now().Add(-30 * time.Hour))
	const earlier = `UPDATE channel_accounts SET updated_at = updated_at - 259200000000`
	if err := w.Store.DB().Write(t.Context(), func(q sqldb.Querier) error { _, err := q.Exec(t.Context(), earlier); return err }); err != nil {
		t.Fatal(err)
	}
	found, err := w.admin.AskAccount(t.Context(), w.by, w.owner, w.account.ID, backup.Add(-48*time.Hour), nil)
	if err != nil || found.Kept != 1 || len(found.Adopted) != 0 {
		t.Fatalf("kept %d, adopted %v, %v", found.Kept, found.Adopted, err)
	}
	if _, err := w.admin.SetAccount(t.Context(), w.by, w.owner, w.account.ID, admin.AccountChange{Takes: []string{"toypay"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.admin.AskAccount(t.Context(), w.by, w.owner, w.account.ID, backup, nil); !errors.Is(err, channel.ErrBillNotReady) {
		t.Errorf("without the bill of a day on which something may have been sent: %v", err)
	}
	again := w.charge("tx-lost")
	for w.chargeNow(again.ID).Refunded == 0 {
		if _, err := w.engine.StepInbox(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := second(w.admin.ResumeAccount(t.Context(), w.by, w.owner, w.account.ID)); err != nil {
		t.Fatal(err)
	}
	amount := money.Minor(100_000)
	_, err = w.intake.Accept(t.Context(), refund.Unit{MerchantID: w.owner, Requests: []refund.Request{{ChargeID: again.ID, Amount: &amount}}, Members: []refund.Content{{}}}, 0)
	if refund.KindOf(err) != refund.KindFullyRefunded {
		t.Errorf("what was given back is given back again: %v", err)
	}
}

func (w *toyWorld) chargeNow(id string) refund.Charge {
	w.Helper()
	c, err := w.Store.Charge(w.Context(), w.owner, id)
	if err != nil {
		w.Fatal(err)
	}
	return c
}
