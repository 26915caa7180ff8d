package verify

import (
	"github.com/refundry/refundry/ledger"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// disputeHistory is one dispute with what was left behind of its life: its transfers
// have to leave what it holds where its state says, and somebody was told of it.
type disputeHistory struct {
	*refundHistory
	there    bool
	state    refund.DisputeState
	charge   string
	currency money.Currency
	held     money.Minor
	moved    map[ledger.Account]money.Minor
	opened   int
	told     int
}

func (d *disputeHistory) known() bool { return d.there || d.told > 0 }

func (d *disputeHistory) found(invariant, format string, args ...any) {
	d.v.found(invariant, d.merchant, "dispute "+d.id, format, args...)
}

// row takes the dispute's own row, which comes first.
func (d *disputeHistory) row(row *streamRow) {
	d.there, d.held, d.charge = true, money.Minor(row.number(0)), row.field[2]
	d.state, d.currency = refund.DisputeState(row.field[3]), money.Currency(row.field[4])
	d.moved = make(map[ledger.Account]money.Minor)
	if closed := row.number(1) > 0; closed != d.state.Closed() {
		d.found(Disputes, "it is %s, and its time of closing says otherwise", d.state)
	}
	d.books.change(d.books.should, ledger.Available, d.currency, -d.held)
	d.books.change(d.books.should, d.account(), d.currency, d.held)
}

// account is where what it holds has to be.
func (d *disputeHistory) account() ledger.Account {
	if d.state == refund.DisputeLost {
		return ledger.Chargeback
	}
	return ledger.Disputed
}

func (d *disputeHistory) transfer(name, charge string, t ledger.Transfer) {
	switch {
	case !t.Valid() || t.Kind != ledger.Dispute || t.Amount.Currency != d.currency:
		d.v.found(Transfers, d.merchant, name, "it is no movement of dispute %s", d.id)
	case charge != d.charge:
		d.v.found(Transfers, d.merchant, name, "it is of charge %s, its dispute of %s", charge, d.charge)
	}
	d.moved[t.From] -= t.Amount.Minor
	d.moved[t.To] += t.Amount.Minor
}

func (d *disputeHistory) event(row *streamRow) {
	d.told++
	switch row.field[0] {
	case refund.DisputeOpened:
		d.opened++
	case refund.DisputeUpdated, refund.DisputeClosed:
	default:
		d.v.found(Events, d.merchant, "event "+row.field[1], "its type %q tells of no dispute", row.field[0])
	}
}

// end holds the dispute's life together.
func (d *disputeHistory) end() {
	if !d.there {
		d.found(Events, "its events are there, and it is not")
		return
	}
	d.moved[ledger.Available] += d.held
	d.moved[d.account()] -= d.held
	for account, left := range d.moved {
		if left != 0 {
			d.found(Transfers, "it is %s and holds %d, and its transfers leave %d more in %s", d.state, d.held, left, account)
		}
	}
	if d.told == 0 || d.opened > 1 {
		d.found(Events, "it left %d events, %d of them of its opening", d.told, d.opened)
	}
}
