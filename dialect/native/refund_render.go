package native

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// refundAnswer is a refund as answers show it.
type refundAnswer struct {
	ID       string         `json:"id"`
	Number   *string        `json:"number"` // the merchant's own; null if it gave none
	Charge   string         `json:"charge"`
	Amount   money.Minor    `json:"amount"`
	Currency money.Currency `json:"currency"`
	State    refund.State   `json:"state"`
	Reason   string         `json:"reason"`
	// ReasonCode and Customer are null where nobody gave them.
	ReasonCode *string     `json:"reason_code"`
	Customer   *string     `json:"customer"`
	Parts      partsAnswer `json:"parts"`

	Channel             string  `json:"channel"`
	ChannelAccount      string  `json:"channel_account"`
	ChannelRefundNumber string  `json:"channel_refund_number"`
	ChannelRefundID     *string `json:"channel_refund_id"` // null until the channel gave one

	Failure *failureAnswer `json:"failure"` // null unless the channel gave a reason
	// ResolvedBy is who said how the refund ended, left out if the channel did.
	ResolvedBy *actorAnswer `json:"resolved_by,omitempty"`
	HeldReason *string      `json:"held_reason"`
	HoldUntil  moment       `json:"hold_until"`

	CreatedAt   moment `json:"created_at"`
	UpdatedAt   moment `json:"updated_at"`
	SucceededAt moment `json:"succeeded_at"`
	MaskedAt    moment `json:"masked_at"`
}

// wholeRefund is a refund with its history, as GET /refunds/{id} shows it.
type wholeRefund struct {
	refundAnswer
	Attempts  []attemptAnswer  `json:"attempts"`
	Transfers []transferAnswer `json:"transfers"`
}

type failureAnswer struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// partsAnswer says into what a refund falls: payer + the coupons = the amount.
type partsAnswer struct {
	Payer   money.Minor  `json:"payer"` // in cash
	Coupons []couponPart `json:"coupons"`
	Goods   []goodsPart  `json:"goods"`
	// Fee is what the channel gives back of its own; left out when unknown.
	Fee *money.Minor `json:"fee,omitempty"`
}

type couponPart struct {
	ID     string             `json:"id"`
	Scope  refund.CouponScope `json:"scope"`
	Type   refund.CouponType  `json:"type"`
	Amount money.Minor        `json:"amount"`
}

type goodsPart struct {
	MerchantGoodsID string      `json:"merchant_goods_id"`
	Coupon          string      `json:"coupon"`
	Quantity        int64       `json:"quantity"`
	Discount        money.Minor `json:"discount"`
}

type attemptAnswer struct {
	At      moment             `json:"at"`
	Source  refund.Source      `json:"source"`
	Outcome refund.OutcomeKind `json:"outcome"`
	Code    string             `json:"code"`
	Message string             `json:"message"`
	Note    string             `json:"note"`
	Epoch   int64              `json:"epoch"`
	// Account is the channel account that was called, or whose channel sent a notice,
	// and AccountVersion the version of its credentials; null where there was none.
	Account        *string `json:"account"`
	AccountVersion *int64  `json:"account_version"`
	// SentDigest is the SHA-256 of what was sent, in hex, and UpstreamRequestID the
	// channel's own name for the call.
	SentDigest        *string `json:"sent_digest"`
	UpstreamRequestID *string `json:"upstream_request_id"`
	// Request and Answer are what people may read of the call, left out where the
	// channel's driver keeps none.
	Request string `json:"request,omitempty"`
	Answer  string `json:"answer,omitempty"`
	// Actor is who said it or asked for the call, left out if nobody did. An
	// operator's proof is the message.
	Actor *actorAnswer `json:"actor,omitempty"`
	// Times is how many equal answers it stands for, the last of them at At; left
	// out for one.
	Times int64 `json:"times,omitempty"`
}

type transferAnswer struct {
	ID       string         `json:"id"`
	At       moment         `json:"at"`
	Kind     string         `json:"kind"`
	From     string         `json:"from"`
	To       string         `json:"to"`
	Amount   money.Minor    `json:"amount"`
	Currency money.Currency `json:"currency"`
}

// quoteAnswer is what a refund would be.
type quoteAnswer struct {
	Charge   string         `json:"charge"`
	Amount   money.Minor    `json:"amount"`
	Currency money.Currency `json:"currency"`
	Parts    partsAnswer    `json:"parts"`
	// Mark stands for what the quote says; a refund that names it is as quoted, or is
	// refused.
	Mark string `json:"mark"`
	// Settlement is what leaves the merchant's settlement: the amount less
	// what goes back to NOCASH coupons.
	Settlement money.Minor `json:"settlement"`
	// Splits are what the accounts that got shares of the payment give back.
	Splits []splitPart `json:"splits"`
	// Reusable are the coupons that the payer may be able to use again.
	Reusable []string `json:"reusable_coupons"`
	// Refundable is what would be left.
	Refundable money.Minor `json:"refundable_after"`
}

type splitPart struct {
	Account string      `json:"account"`
	Amount  money.Minor `json:"amount"`
}

func answerSplits(p refund.Parts, splits []refund.Split) []splitPart {
	out := make([]splitPart, 0, len(p.Splits))
	for n, amount := range p.Splits {
		out = append(out, splitPart{splits[n].Account, amount})
	}
	return out
}

// answerRefund shows r; coupons are its charge's, by which the parts go.
func answerRefund(r refund.Refund, coupons []refund.Coupon) refundAnswer {
	out := refundAnswer{
		ID: r.ID, Number: orNull(r.Number), Charge: r.ChargeID, Amount: r.Amount, Currency: r.Currency,
		State: r.State, Reason: r.Reason, ReasonCode: orNull(r.ReasonCode), Customer: orNull(r.Customer), Parts: answerParts(r.Parts, coupons),
		Channel: r.Channel, ChannelAccount: r.ChannelAccount,
		ChannelRefundNumber: r.ChannelNumber, ChannelRefundID: orNull(r.ChannelRefundID),
		CreatedAt: moment(r.CreatedAt), UpdatedAt: moment(r.UpdatedAt), SucceededAt: moment(r.SucceededAt), MaskedAt: moment(r.MaskedAt),
		ResolvedBy: answerActor(r.ResolvedBy),
	}
	if r.FailureCode != "" || r.FailureMessage != "" {
		out.Failure = &failureAnswer{r.FailureCode, r.FailureMessage}
	}
	if r.State == refund.Held {
		out.HeldReason, out.HoldUntil = orNull(r.HeldReason), moment(r.HoldUntil)
	}
	return out
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func answerParts(p refund.Parts, coupons []refund.Coupon) partsAnswer {
	out := partsAnswer{Payer: p.Payer, Coupons: []couponPart{}, Goods: []goodsPart{}, Fee: p.Fee}
	for n, amount := range p.Coupons {
		if n < len(coupons) {
			out.Coupons = append(out.Coupons, couponPart{coupons[n].ID, coupons[n].Scope, coupons[n].Type, amount})
		}
	}
	// The keys are the coupon's index, a colon and the id of the goods.
	for _, key := range slices.Sorted(maps.Keys(p.Goods)) {
		index, id, _ := strings.Cut(key, ":")
		n, err := strconv.Atoi(index)
		if err == nil && n < len(coupons) {
			out.Goods = append(out.Goods, goodsPart{id, coupons[n].ID, p.Goods[key].Quantity, p.Goods[key].Discount})
		}
	}
	return out
}

// reusable are the coupons that may be usable again: after a partial refund
// none is, and after one of the whole payment only a discount of a bank on the
// whole order, until it expires (the published WeChat page, promotion_detail).
// Which coupon is one is known to its bank; here, only which can't be.
func reusable(c refund.Charge, amount money.Minor) []string {
	ids := []string{}
	if amount != c.Amount {
		return ids
	}
	for _, coupon := range c.Detail.Coupons {
		if coupon.Scope == refund.ScopeOrder {
			ids = append(ids, coupon.ID)
		}
	}
	return ids
}

func answerAttempts(r refund.Refund, attempts []refund.Attempt) []attemptAnswer {
	out := make([]attemptAnswer, len(attempts))
	for n, a := range attempts {
		out[n] = attemptAnswer{
			At: moment(a.At), Source: a.Source, Outcome: a.Outcome, Code: a.Code, Message: a.Message, Note: a.Note, Epoch: a.Epoch,
			SentDigest: orNull(a.Sent.Digest), UpstreamRequestID: orNull(a.Sent.UpstreamRequestID), Actor: answerActor(a.Actor), Times: a.Times,
			Request: a.Sent.Request, Answer: a.Sent.Answer,
		}
		if a.Source != refund.Operator {
			out[n].Account = orNull(r.ChannelAccount)
		}
		if version := a.Sent.AccountVersion; version != 0 {
			out[n].AccountVersion = &version
		}
	}
	return out
}

// answerTransfers shows them in the order of time; the legs of one movement,
// which have the same, by their accounts.
func answerTransfers(transfers []refund.StoredTransfer) []transferAnswer {
	transfers = slices.SortedStableFunc(slices.Values(transfers), func(a, b refund.StoredTransfer) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
	out := make([]transferAnswer, len(transfers))
	for n, t := range transfers {
		out[n] = transferAnswer{
			ID: t.ID, At: moment(t.At), Kind: string(t.Kind), From: string(t.From), To: string(t.To),
			Amount: t.Amount.Minor, Currency: t.Amount.Currency,
		}
	}
	return out
}
