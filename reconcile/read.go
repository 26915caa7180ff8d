package reconcile

import (
	"context"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

// read reads the bill to its end: it marks which refunds of ours it has, and keeps
// the rows that our books don't have like that. It changes nothing.
func (r *run) read(ctx context.Context) error {
	return channel.ReadBill(ctx, r.task.Bill, pageRows, func(rows []channel.Listed) error {
		booked, err := r.store.BookedByName(ctx, r.key(), names(rows))
		if err != nil {
			return err
		}
		for n, row := range rows {
			r.out.Rows++
			b, known := booked[n]
			known = known && samePayment(row, b)
			if known {
				err = r.mark(b.ID)
			}
			switch {
			case err != nil:
			case known && !amountDiffers(row, b) && agrees(row.Kind, b.State):
				r.out.Agreed++
			default:
				err = r.spool.row(keptRow{row, known})
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func names(rows []channel.Listed) []refund.BillName {
	out := make([]refund.BillName, len(rows))
	for n, row := range rows {
		out[n] = refund.BillName{Number: row.Number, ChannelRefundID: row.ChannelRefundID}
	}
	return out
}

// samePayment reports whether a row and a refund that has its number are of one
// payment. Some channels have numbers that are unique for their payment alone.
func samePayment(row channel.Listed, b refund.Booked) bool {
	return row.TransactionID == "" || b.TransactionID == "" || b.TransactionID == row.TransactionID || b.TransactionID == row.OtherTransactionID
}

func amountDiffers(row channel.Listed, b refund.Booked) bool { return row.Amount != b.Amount }

// agrees reports whether a refund of ours in a state may be on a bill like that. A
// bill tells of its day: a refund that was under way then may have ended since, and
// a channel that bills on acceptance never brings the state up to date.
func agrees(billed refund.OutcomeKind, state refund.State) bool {
	switch billed {
	case refund.OutcomeDone:
		return state == refund.Succeeded
	case refund.OutcomeFailed:
		return state == refund.Failed || state == refund.Canceled
	case refund.OutcomeAccepted, refund.OutcomeAbnormal:
		return state != refund.Created && state != refund.Canceled
	}
	return false
}
