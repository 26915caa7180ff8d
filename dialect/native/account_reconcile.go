package native

import (
	"maps"
	"net/http"
	"slices"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// MaxDifferences bounds the differences of one answer; the others are counted.
const MaxDifferences = 1000

type reconciliationAnswer struct {
	Account string `json:"account"`
	Date    string `json:"date"`
	// Agrees says that nobody has to look at anything.
	Agrees      bool               `json:"agrees"`
	Rows        int64              `json:"rows"`
	Agreed      int64              `json:"agreed"`
	Nothing     int64              `json:"nothing"` // not ours, and no money moved
	Found       map[string]int64   `json:"found"`   // by kind; kinds without any are left out
	Differences []differenceAnswer `json:"differences"`
	LeftOff     int64              `json:"left_off"` // differences beyond MaxDifferences
}

type differenceAnswer struct {
	Kind   channel.DifferenceKind `json:"kind"`
	Refund *string                `json:"refund"` // ours; null where there is none
	State  *string                `json:"state"`
	Amount *money.Minor           `json:"amount"`
	Billed *billedAnswer          `json:"billed"` // null where the bill has no row
	// Note says what the channel answered when it was asked.
	Note string `json:"note"`
}

type billedAnswer struct {
	Number        *string            `json:"number"`
	ChannelRefund *string            `json:"channel_refund_id"`
	TransactionID *string            `json:"transaction_id"`
	OrderNo       *string            `json:"order_no"`
	Amount        money.Minor        `json:"amount"`
	Currency      money.Currency     `json:"currency"`
	Says          refund.OutcomeKind `json:"says"`
	SucceededAt   moment             `json:"succeeded_at"`
}

func answerReconciliation(r channel.Reconciliation, differences []channel.Difference) reconciliationAnswer {
	out := reconciliationAnswer{
		Account: r.Account, Date: r.Day.String(), Agrees: !r.Differs(), Rows: r.Rows, Agreed: r.Agreed, Nothing: r.Nothing,
		Found: make(map[string]int64), Differences: make([]differenceAnswer, len(differences)), LeftOff: -int64(len(differences)),
	}
	for _, kind := range slices.Sorted(maps.Keys(r.Found)) {
		out.Found[string(kind)] = r.Found[kind]
		out.LeftOff += r.Found[kind]
	}
	for n, d := range differences {
		out.Differences[n] = answerDifference(d)
	}
	return out
}

func answerDifference(d channel.Difference) differenceAnswer {
	out := differenceAnswer{Kind: d.Kind, Refund: orNull(d.RefundID), State: orNull(string(d.State)), Note: d.Note}
	if d.RefundID != "" {
		out.Amount = &d.Amount.Minor
	}
	if b := d.Billed; b.Kind != "" {
		out.Billed = &billedAnswer{
			Number: orNull(b.Number), ChannelRefund: orNull(b.ChannelRefundID), TransactionID: orNull(b.TransactionID), OrderNo: orNull(b.OrderNo),
			Amount: b.Amount.Minor, Currency: b.Amount.Currency, Says: b.Kind, SucceededAt: moment(b.SucceededAt),
		}
	}
	return out
}

// ReconciliationJSON is such an answer as the API shows it.
func ReconciliationJSON(r channel.Reconciliation, differences []channel.Difference) any {
	return answerReconciliation(r, differences)
}

// reconcileAccount compares the channel's bill of a day with the books:
// POST /accounts/{id}/reconcile.
func (d *Dialect) reconcileAccount(c *call) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	which := admin.BillToReconcile{Account: c.r.PathValue("id")}
	if err := body.read(required("date", body.text(&which.Date, len("2006-01-02")))); err != nil {
		return err
	}
	var differences []channel.Difference
	found, err := d.s.Admin.Reconcile(c.ctx, c.by(), c.merchantID(), which, func(one channel.Difference) error {
		if len(differences) < MaxDifferences {
			differences = append(differences, one)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, answerReconciliation(found, differences))
}
