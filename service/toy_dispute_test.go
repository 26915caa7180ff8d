package service

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/channel/toytest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// disputes has the bank tell of a dispute of a payment, and returns the answer.
func (w *toyWorld) disputes(transactionID, id string, state refund.DisputeState, amount money.Minor, at time.Time) int {
	w.Helper()
	answer := httptest.NewRecorder()
	w.Handler().ServeHTTP(answer, toytest.DisputeNotice("http://127.0.0.1"+w.address(), bankKey, transactionID, refund.Dispute{
		ChannelDisputeID: id, State: state, Amount: money.Amount{Minor: amount, Currency: "CNY"}, Reason: "fraudulent", ChannelAt: at,
	}))
	return answer.Code
}

// A dispute that a channel's notice tells of holds its amount until it is won, in
// whatever order the notices come.
func TestADisputeHoldsItsAmountFromItsNoticeToItsEnd(t *testing.T) {
	each(t, func(t *testing.T, database string) {
		bodies := make(chan string, 10)
		receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			bodies <- string(body)
		}))
		defer receiver.Close()
		w := newToyWorldWith(t, Options{Database: database, EgressAllow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
		if _, err := w.admin.AddEndpoint(t.Context(), w.by, w.owner, admin.NewEndpoint{
			Dialect: merchant.Native, URL: receiver.URL, Events: refund.DisputeEvents(),
		}); err != nil {
			t.Fatal(err)
		}
		c := w.charge("t1")
		at := w.now().Add(-time.Hour).Truncate(time.Second)
		for range 2 { // told twice
			if code := w.disputes("t1", "du_1", refund.DisputeOpen, 40_000, at); code != http.StatusOK {
				t.Fatalf("answered %d", code)
			}
		}
		if now := w.chargeNow(c.ID); now.Blocked != 40_000 || now.Refundable() != 60_000 {
			t.Fatalf("blocked %d, refundable %d", now.Blocked, now.Refundable())
		}
		amount := money.Minor(60_001)
		_, err := w.intake.Accept(t.Context(), refund.Unit{MerchantID: w.owner, Requests: []refund.Request{{ChargeID: c.ID, Amount: &amount}}, Members: []refund.Content{{}}}, 0)
		if refund.KindOf(err) != refund.KindAmountExceeded || !strings.Contains(refund.As(err).Told(), "400.00 CNY held by a dispute") {
			t.Errorf("more than is left is answered %v", err)
		}
		var told struct {
			Type string
			Data struct {
				Dispute struct {
					State string
					Held  int64
				}
				Charge struct{ Blocked int64 }
			}
		}
		if err := json.Unmarshal([]byte(next(t, bodies)), &told); err != nil || told.Type != refund.DisputeOpened || told.Data.Dispute.Held != 40_000 || told.Data.Charge.Blocked != 40_000 {
			t.Errorf("told %+v, %v", told, err)
		}

		if code := w.disputes("t1", "du_1", refund.DisputeWon, 40_000, at.Add(time.Hour)); code != http.StatusOK {
			t.Errorf("answered %d", code)
		}
		if code := w.disputes("t1", "du_1", refund.DisputeWithdrawn, 40_000, at.Add(time.Minute)); code != http.StatusOK { // older
			t.Errorf("answered %d", code)
		}
		if now := w.chargeNow(c.ID); now.Blocked != 0 {
			t.Errorf("won, it holds %d", now.Blocked)
		}
		if err := json.Unmarshal([]byte(next(t, bodies)), &told); err != nil || told.Type != refund.DisputeClosed || told.Data.Dispute.State != "won" || told.Data.Charge.Blocked != 0 {
			t.Errorf("told %+v, %v", told, err)
		}
		w.accept(c, 100_000, refund.Succeeded)

		// One that is lost after the money went back is excess.
		if code := w.disputes("t1", "du_2", refund.DisputeLost, 40_000, at); code != http.StatusOK {
			t.Errorf("answered %d", code)
		}
		if now := w.chargeNow(c.ID); now.Blocked != 40_000 || now.Excess != 40_000 {
			t.Errorf("lost: blocked %d, excess %d", now.Blocked, now.Excess)
		}
		alerts, _, err := w.Store.Alerts(t.Context(), w.owner, true, refund.Page{Limit: 10})
		if err != nil || !slices.ContainsFunc(alerts, func(a refund.StoredAlert) bool { return strings.Contains(a.Text, c.ID+": a dispute holds more") }) {
			t.Errorf("alerts %+v, %v", alerts, err)
		}
		w.sound()
	})
}

func next(t *testing.T, from <-chan string) string {
	t.Helper()
	select {
	case body := <-from:
		return body
	case <-time.After(patience):
		t.Fatal("nothing was sent")
		return ""
	}
}

// A dispute of a charge that is not there waits for it; one that can't be read is a
// person's.
func TestADisputeOfAChargeThatIsNotThereWaits(t *testing.T) {
	each(t, func(t *testing.T, database string) {
		w := newToyWorld(t, database)
		at := w.now().Add(-time.Hour)
		for _, state := range []refund.DisputeState{refund.DisputeOpen, "settled"} {
			if code := w.disputes("t1", "du_"+string(state), state, 40_000, at); code != http.StatusOK {
				t.Errorf("answered %d", code)
			}
		}
		want := []string{"set_aside: a dispute in no state that is known", "waiting: a dispute of no charge of ours"}
		if got := w.inbox(w.owner); !slices.Equal(got, want) {
			t.Fatalf("inbox %q", got)
		}
		c := w.charge("t1")
		for w.chargeNow(c.ID).Blocked == 0 {
			if _, err := w.engine.StepInbox(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got := w.inbox(w.owner); !slices.Equal(got, []string{"matched: ", "set_aside: a dispute in no state that is known"}) {
			t.Errorf("inbox %q", got)
		}
		disputes, err := w.Store.Disputes(t.Context(), w.owner, c.ID)
		if err != nil || len(disputes) != 1 || disputes[0].Held != 40_000 || disputes[0].ChannelAccount != w.account.ID || !disputes[0].ChannelAt.Equal(at) {
			t.Errorf("%+v, %v", disputes, err)
		}
		w.sound()
	})
}
