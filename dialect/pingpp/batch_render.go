package pingpp

import (
	"encoding/json"

	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// batchShown returns a batch in the dialect's form, as whoever asks may act on
// it: with the address where a password is entered for its refunds.
func (d *Dialect) batchShown(c *call, unit Unit) wire.BatchRefund {
	out := batchObject(unit, c.live(), func(r refund.Refund, charge refund.Charge) wire.Refund { return d.refundShown(c, r, charge.Named()) })
	out.RefundURL = d.batchAddress(c, unit)
	return out
}

// batchObject returns a batch, each of its refunds in the words of show.
func batchObject(unit Unit, live bool, show func(refund.Refund, refund.Charge) wire.Refund) wire.BatchRefund {
	said := unit.Contents[0]
	out := wire.BatchRefund{
		ID: unit.Batch.ID, App: said[contentApp], BatchNo: said[contentBatchNo], Created: unit.CreatedAt.Unix(),
		Description: said[contentDescription], Metadata: json.RawMessage(said[contentMetadata]), Livemode: live,
	}
	for _, r := range unit.Refunds {
		object := show(r, unit.Charges[r.ChargeID])
		out.Refunds.Data = append(out.Refunds.Data, object)
		out.Charges = append(out.Charges, wire.BatchCharge{
			Charge: object.Charge, Amount: object.Amount, Description: object.Description, Status: object.Status,
			Refund: &object.ID, FailureMsg: object.FailureMsg, FundingSource: object.FundingSource,
		})
	}
	out.Status, out.TimeSucceeded = batchStatus(unit.Refunds)
	return out
}

// batchStatus sums up how the refunds stand: created while the channel was told
// of none, pending until the last has ended (P2.7-4).
func batchStatus(refunds []refund.Refund) (status string, succeeded *int64) {
	var untold, open, good int
	for _, r := range refunds {
		switch {
		case r.State == refund.Succeeded:
			good++
			if at := unix(r.SucceededAt); succeeded == nil || *at > *succeeded {
				succeeded = at
			}
		case r.State.Final():
		default:
			open++
			if r.State == refund.Held || r.State == refund.Created {
				untold++
			}
		}
	}
	switch {
	case untold == len(refunds):
		return wire.StatusCreated, nil
	case open > 0:
		return wire.StatusPending, nil
	case good == len(refunds):
		return wire.StatusSucceeded, succeeded
	case good == 0:
		return wire.StatusFailed, nil
	}
	return wire.StatusPartiallySucceeded, succeeded
}
