package pingpp

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// Members of a batch's content besides its refunds', in the first of them: what
// the batch is shown with, and what a repeat must share.
const (
	contentApp         = "app"
	contentBatchNo     = "batch_no"
	contentDescription = "batch_description"
	contentMetadata    = "batch_metadata"
)

// createBatch is POST /v1/batch_refunds (P3.5-3 and P3.5-7): all charges are
// refunded, or none. The same batch_no with the same content is the same batch.
func (d *Dialect) createBatch(c *call) (any, error) {
	unit, charges, err := d.batchUnit(c)
	if err != nil {
		return nil, err
	}
	result, err := d.Acceptor.Accept(c.r.Context(), unit, dialect.Wait(c.r, c.caller.Merchant, merchant.PingPP))
	if err != nil {
		core := refund.As(err)
		if core != nil && core.Kind == refund.KindKeyConflict && core.Param != "idempotency_key" {
			return nil, &flaw{kind: refund.KindKeyConflict, param: "batch_no", text: text{
				"批量退款批次号已被使用。", "The batch_no was used for another batch.",
			}}
		}
		if core := refund.As(err); core != nil {
			c.charge = charges[core.Charge] // the entry that is wrong
		}
		return nil, err
	}
	return d.batchShown(c, Unit{
		Key: unit.Batch.Key(), Batch: unit.Batch, Contents: unit.Members, Refunds: result.Refunds, Charges: charges, CreatedAt: result.Refunds[0].CreatedAt,
	}), nil
}

// batchUnit reads and checks the parameters. charges are by their ids.
func (d *Dialect) batchUnit(c *call) (unit refund.Unit, charges map[string]refund.Charge, err error) {
	app, err := batchApp(c)
	if err != nil {
		return unit, nil, err
	}
	number, err := requiredText(c.params, "batch_no", "batch_no")
	if err != nil {
		return unit, nil, err
	}
	if !wire.IsBatchNo(number) {
		return unit, nil, invalid("batch_no", text{"必须是 3-24 位字母或数字", "it must have 3-24 letters and digits"})
	}
	ordinary, _ := wire.ChannelNamed("")
	reason, err := description(c.params, ordinary.Description)
	if err != nil {
		return unit, nil, err
	}
	shown, err := metadata(c.params)
	if err != nil {
		return unit, nil, err
	}
	unit = refund.Unit{
		MerchantID: c.caller.Merchant.ID, Batch: refund.Batch{Dialect: merchant.PingPP, ID: batchID(c.caller.Merchant.ID, number), Identity: app},
		By: dialect.Asker(c.caller, c.r, c.requestID),
	}
	unit.By.Batch = unit.Batch.Key() // so that its end is told as one
	var keyErr *refund.Error
	if unit.Key, keyErr = unitKey(c); keyErr != nil {
		return unit, nil, keyErr
	}
	entries, ok := given(c.params, "charges")
	if !ok {
		return unit, nil, missing("charges")
	}
	if entries.Kind != exactjson.Array || len(entries.Items) == 0 || len(entries.Items) > wire.MaxBatchCharges {
		return unit, nil, invalid("charges", text{"必须是 1-100 个 charge 的列表", "it must be a list of 1-100 charges"})
	}
	charges = make(map[string]refund.Charge, len(entries.Items))
	for _, entry := range entries.Items {
		request, charge, err := d.batchEntry(c, entry, reason)
		if err != nil {
			return unit, nil, err
		}
		if _, twice := charges[charge.ID]; twice {
			return unit, nil, invalid("charges", text{"charge 不能重复", "a charge is there twice"})
		}
		charges[charge.ID] = charge
		unit.Requests = append(unit.Requests, request)
		unit.Members = append(unit.Members, refund.Content{
			refund.ContentCharge: charge.ID, refund.ContentAmount: dialect.AmountContent(request.Amount), refund.ContentSplits: "",
			refund.ContentCall: callBatch,
		})
	}
	first := unit.Members[0]
	first[contentApp], first[contentBatchNo], first[contentDescription], first[contentMetadata] = app, number, reason, string(shown)
	return unit, charges, nil
}

// batchApp reads app, here a plain id, which must be the key's.
func batchApp(c *call) (string, error) {
	app, err := requiredText(c.params, "app", "app")
	if err != nil {
		return "", err
	}
	if app != c.caller.Key.Identity {
		return "", invalid("app", text{"该应用不属于当前 API KEY", "the key belongs to another app"})
	}
	return app, nil
}

// batchEntry reads one of charges: an id, as older samples have it, or an
// object.
func (d *Dialect) batchEntry(c *call, entry exactjson.Value, reason string) (refund.Request, refund.Charge, error) {
	const param = "charges"
	request := refund.Request{Reason: reason}
	id := entry.Text
	switch entry.Kind {
	case exactjson.String:
	case exactjson.Object:
		var err error
		if id, err = requiredText(entry, "charge", "charges[charge]"); err != nil {
			return request, refund.Charge{}, err
		}
		if value, ok := entry.Get("amount"); ok {
			amount, ok := amountAbove0(value)
			if !ok {
				return request, refund.Charge{}, invalid("charges[amount]", wantAmount)
			}
			minor := money.Minor(amount)
			request.Amount = &minor
		}
		own, err := optionalText(entry, "description", "charges[description]")
		if err != nil {
			return request, refund.Charge{}, err
		}
		if own != "" {
			request.Reason = own
		}
		if err := fundingSource(&request.Detail, entry); err != nil {
			return request, refund.Charge{}, err
		}
	default:
		return request, refund.Charge{}, invalid(param, text{"必须是 charge id 或对象", "each is a charge's id or an object"})
	}
	charge, err := d.chargeNamed(c, id)
	if err != nil {
		return request, refund.Charge{}, err
	}
	if alias, _ := charge.Alias(merchant.PingPP); alias.Sub != "" {
		return request, refund.Charge{}, &flaw{kind: refund.KindInvalid, words: wire.Locale.OrderCharge}
	}
	channel, _ := wire.ChannelNamed(channelName(charge.Channel))
	request.ChargeID = charge.ID
	if err := limitedText(request.Reason, "description", channel.Description); err != nil {
		return request, refund.Charge{}, err
	}
	request.Detail.Password, err = d.needsPassword(c.r.Context(), charge)
	return request, charge, err
}

// chargeNamed finds a charge that a body names, or tells its name in the error.
func (d *Dialect) chargeNamed(c *call, name string) (refund.Charge, error) {
	if !wire.IsPossibleID(name) {
		return refund.Charge{}, chargeUnknown(name)
	}
	charge, err := d.Reader.ChargeByAlias(c.r.Context(), c.caller.Merchant.ID, merchant.PingPP, name)
	if err != nil && refund.KindOf(err) == refund.KindChargeNotFound {
		return refund.Charge{}, chargeUnknown(name)
	}
	return charge, err
}

func chargeUnknown(name string) *flaw {
	return &flaw{kind: refund.KindChargeNotFound, words: func(l wire.Locale) wire.Error { return l.NotFound(wire.ObjectCharge, cutID(name)) }}
}

// batchID makes a batch's id of its number, so that it is found by either: 19
// digits, of which the first two are the documented ones.
func batchID(merchantID, number string) string {
	const most = 100_000_000_000_000_000
	sum := sha256.Sum256([]byte(merchantID + "\n" + number))
	return fmt.Sprintf("15%017d", binary.BigEndian.Uint64(sum[:8])%most)
}
