package pingpp

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// Codes of refusals that are ours: nothing was sent.
const (
	codeNoCharge   = "NO_CHARGE"
	codeFunds      = "FUNDS"
	codeUnwritable = "REQUEST"
)

// codeNotListed is that of a submit before which the list could not be read: nothing
// was sent.
const codeNotListed = "NOT_LISTED"

// noReason stands where nobody gave a reason: Ping++ requires one.
const noReason = "退款"

// errNoCharge: no name of the charge is one of Ping++'s.
var errNoCharge = errors.New("the charge has no id of Ping++'s (hint: its transaction_id, or its pingpp identity in the account's app, is ch_...)")

// refuse is a refusal of ours.
func refuse(code, message string) refund.Outcome {
	return refund.Outcome{Kind: refund.OutcomeRefused, Code: code, Message: message + ": nothing was sent"}
}

// charge is the id of a charge at Ping++: the payment's number at the channel, or
// the name that the charge has in Ping++'s own API under the account's app. "" is
// none.
func (c *connector) charge(transactionID string, charge refund.Charge) string {
	if wire.IsChargeID(transactionID) {
		return transactionID
	}
	for _, alias := range charge.Aliases {
		if alias.Dialect == Name && alias.Identity == c.app && wire.IsPossibleID(alias.Name) {
			return alias.Name
		}
	}
	return ""
}

// Submit implements channel.Connector. Each submit first reads the list of the
// charge's refunds: what is there is not made again. Where the list can't be read,
// nothing is sent.
func (c *connector) Submit(ctx context.Context, i channel.Instruction) refund.Outcome {
	charge := c.charge(i.TransactionID, i.Charge)
	if charge == "" {
		return refuse(codeNoCharge, errNoCharge.Error())
	}
	body, refused := body(i)
	if refused != nil {
		return *refused
	}
	end, err := c.turns.take(ctx, i.Number)
	if err != nil {
		return notListed(err)
	}
	defer end()
	all, sent, err := c.refunds(ctx, charge)
	if err != nil {
		// A charge that Ping++ does not know is refused, as it would be by the submit.
		if fault := (*faulted)(nil); errors.As(err, &fault) && fault.noCharge() {
			return refuse(codeNoCharge, fault.Error())
		}
		return notListed(err)
	}
	if found, twins := match(all, i.Number, i.ChannelRefundID); found != nil {
		return said(sent, *found, twins)
	}
	return c.call(ctx, http.MethodPost, wire.RefundsPath(charge), body).submitted(charge, i)
}

// notListed: the list could not be read, and nothing was sent.
func notListed(err error) refund.Outcome {
	return refund.Outcome{
		Kind: refund.OutcomeTryLater, Code: codeNotListed, Message: "the list of the charge's refunds could not be read, nothing was sent: " + err.Error(),
		Alert: unread(refund.Sent{}, err).Alert,
	}
}

// Query implements channel.Connector: the complete list of the charge's refunds. One
// that is pending is asked for by itself, which has Ping++ ask its channel, and
// renews an address that someone has to open.
func (c *connector) Query(ctx context.Context, i channel.Instruction) refund.Outcome {
	charge := c.charge(i.TransactionID, i.Charge)
	if charge == "" {
		return refund.Outcome{Kind: refund.OutcomeUnknown, Code: codeNoCharge, Message: errNoCharge.Error()}
	}
	all, sent, err := c.refunds(ctx, charge)
	if err != nil {
		return unread(sent, err)
	}
	found, twins := match(all, i.Number, i.ChannelRefundID)
	switch {
	case found == nil:
		return refund.Outcome{Kind: refund.OutcomeNotFound, Code: wire.CodeRefundNotFound, Message: "no refund of the charge has the number", Sent: sent}
	case found.Status == wire.StatusPending:
		a := c.call(ctx, http.MethodGet, refundTarget(charge, found.ID), nil)
		if a.failure() != nil {
			break // the list has said it
		}
		if o := a.refund(charge, i); o.Kind != refund.OutcomeUnknown && o.ChannelRefundID == found.ID {
			return withTwins(o, twins)
		}
	}
	return said(sent, *found, twins)
}

// request is the body of a submit.
type request struct {
	Amount        int64             `json:"amount"`
	Description   string            `json:"description"`
	Metadata      map[string]string `json:"metadata"`
	FundingSource string            `json:"funding_source,omitempty"`
	Extra         *extra            `json:"extra,omitempty"`
}

type extra struct {
	Splits       []split     `json:"split_fund_info,omitempty"`
	Rate         json.Number `json:"rate,omitempty"`
	RefundAmount int64       `json:"refund_amount,omitempty"`
	HideReason   bool        `json:"hide_reason,omitempty"`
}

type split struct {
	Account string `json:"account"`
	Amount  int64  `json:"amount"`
	Desc    string `json:"desc,omitempty"`
}

// fundings are the accounts that may pay a refund, in Ping++'s words.
var fundings = map[refund.Funds]string{refund.FundsUnsettled: wire.FundingUnsettled, refund.FundsAvailable: wire.FundingRecharge}

// body is the refund as Ping++ reads it. The amount is always sent: left out it
// would be everything.
func body(i channel.Instruction) ([]byte, *refund.Outcome) {
	rules, _ := wire.ChannelNamed(i.Charge.Channel)
	detail := i.Refund.Detail
	if len(detail.From) > 0 {
		refused := refuse(codeFunds, "Ping++ has no refund that several accounts pay")
		return nil, &refused
	}
	in := request{
		Amount: int64(i.Amount.Minor), Description: description(i.Reason, rules.Description), Metadata: map[string]string{numberKey: i.Number},
	}
	if rules.FundingSource {
		in.FundingSource = fundings[detail.PaidFrom]
	}
	var more extra
	if rules.SplitFundInfo {
		for _, one := range detail.Options.Splits {
			more.Splits = append(more.Splits, split{one.Account, int64(one.Amount), one.Description})
		}
	}
	if rules.ExchangeRate {
		more.Rate, more.RefundAmount = json.Number(detail.Options.Rate), int64(detail.Options.ExchangedAmount)
	}
	more.HideReason = rules.HideReason && detail.Options.HideReason
	if len(more.Splits) > 0 || more.Rate != "" || more.RefundAmount > 0 || more.HideReason {
		in.Extra = &more
	}
	text, err := wire.Marshal(in)
	if err != nil {
		refused := refuse(codeUnwritable, "the request can't be written")
		return nil, &refused
	}
	return text, nil
}

// description is a reason within the channel's limit.
func description(reason string, limit wire.TextLimit) string {
	if reason = strings.TrimSpace(reason); reason == "" {
		return noReason
	}
	for !limit.Allows(reason) {
		_, last := utf8.DecodeLastRuneInString(reason)
		reason = reason[:len(reason)-last]
	}
	return reason
}
