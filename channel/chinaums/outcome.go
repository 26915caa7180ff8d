package chinaums

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/chinaums"
)

// meaning is what a code says of a refund, by the call that it answers.
type meaning struct {
	submit, query refund.OutcomeKind
	// hint is what an operator does about it, where the account is at fault.
	hint string
	wait time.Duration // at least, before the next call
}

const (
	refused  = refund.OutcomeRefused
	unknown  = refund.OutcomeUnknown
	tryLater = refund.OutcomeTryLater
)

// lockTime is how long an order that another call works on is left alone.
const lockTime = time.Minute

// meanings are all codes of the documents but SUCCESS. A code that is not here is
// unknown. Where a question of the order comes before the word, the kind is that
// of a question which found what the code says: see settle.
var meanings = map[wire.Code]meaning{
	// The money may have moved.
	wire.CodeInternalError:   {submit: unknown, query: unknown},
	wire.CodeTimeout:         {submit: unknown, query: unknown},
	wire.CodeNetError:        {submit: unknown, query: unknown},
	wire.CodeInvalidResponse: {submit: unknown, query: unknown},
	wire.CodeDupOrder:        {submit: unknown, query: unknown},
	// Nothing was done; the same numbers again.
	wire.CodeDiscarded:       {submit: tryLater, query: tryLater},
	wire.CodeOrderProcessing: {submit: tryLater, query: tryLater, wait: lockTime},
	// The account is at fault and not the refund; the same numbers again.
	wire.CodeAbnormalRequestTime: {submit: tryLater, query: tryLater, hint: "set this machine's clock"},
	wire.CodeBadSign:             {submit: tryLater, query: tryLater, hint: "set the keys that ChinaUMS assigned"},
	wire.CodeInvalidMsgSrc:       {submit: tryLater, query: tryLater, hint: "set " + settingMsgSrc},
	wire.CodeMerchantConfig:      {submit: tryLater, query: tryLater, hint: "have ChinaUMS check the merchant's configuration"},
	wire.CodeDeniedIP:            {submit: tryLater, query: tryLater, hint: "have ChinaUMS admit this machine's address"},
	wire.CodeNoMerchant:          {submit: tryLater, query: tryLater, hint: "check " + settingMID + " and " + settingTID},
	wire.CodeInactiveMerchant:    {submit: tryLater, query: tryLater, hint: "ask ChinaUMS why the merchant is frozen"},
	// Our request is at fault.
	wire.CodeBadRequest: {submit: refused, query: unknown, hint: "report it: ChinaUMS can't read the request"},
	wire.CodeNoService:  {submit: refused, query: unknown, hint: "check " + settingMode + ": ChinaUMS has no such operation for the account"},
	// The order decides.
	wire.CodeInvalidOrder: {submit: unknown, query: unknown},
	wire.CodeNoOrder:      {submit: refused, query: refund.OutcomeNotFound},
	wire.CodeNotAllowed:   {submit: refused, query: unknown},
	wire.CodeNoCrossDay:   {submit: refused, query: unknown},
	wire.CodeTargetFail:   {submit: refused, query: unknown},
}

// states are what refundStatus says, in capitals.
var states = map[string]refund.OutcomeKind{
	wire.RefundSuccess:    refund.OutcomeDone,
	wire.RefundFail:       refund.OutcomeFailed,
	wire.RefundProcessing: refund.OutcomeAccepted,
	wire.RefundUnknown:    refund.OutcomeUnknown,
}

// outcome is what an answer says of a refund that was submitted or asked about. It
// is unknown unless the platform says more.
func (c *connector) outcome(a answer, call refund.Source, i channel.Instruction, original string) refund.Outcome {
	o := refund.Outcome{Kind: unknown, Sent: a.sent}
	switch {
	case a.status == 0:
		o.Code, o.Message = "NO_ANSWER", fmt.Sprint(a.problem)
	case a.problem != nil:
		o.Code, o.Message = "HTTP_"+strconv.Itoa(a.status), fmt.Sprintf("not believed: %v", a.problem)
	case a.status != http.StatusOK:
		// Of an error of the gateway nobody says whether anything was done.
		o.Code, o.Message = "HTTP_"+strconv.Itoa(a.status), strings.TrimSpace(string(a.ErrCode)+" "+a.ErrMsg)
	case a.ErrCode == wire.CodeSuccess:
		return c.said(a, o, call, i, original)
	default:
		return refusal(a, o, call)
	}
	return o
}

// refusal is what a code other than SUCCESS says.
func refusal(a answer, o refund.Outcome, call refund.Source) refund.Outcome {
	o.Code, o.Message = string(a.ErrCode), a.ErrMsg
	known, ok := meanings[a.ErrCode]
	if !ok {
		return o
	}
	o.Kind, o.RetryAfter = known.submit, known.wait
	if call == refund.Query {
		o.Kind = known.query
	}
	if known.hint != "" {
		o.Alert = fmt.Sprintf("ChinaUMS answers %s (hint: %s, then refundry account check)", a.ErrCode, known.hint)
	}
	return o
}

// said is what SUCCESS says: accepted, and the result is refundStatus.
func (c *connector) said(a answer, o refund.Outcome, call refund.Source, i channel.Instruction, original string) refund.Outcome {
	if code, message := c.contradicts(a, i, original); code != "" {
		o.Code, o.Message = code, message
		return o
	}
	status := strings.ToUpper(a.RefundStatus)
	kind, known := states[status]
	switch {
	case status == "" && call == refund.Submit:
		// The documents' table has no refundStatus here: SUCCESS alone is accepted.
		kind = refund.OutcomeAccepted
	case !known:
		o.Code, o.Message = "STATUS", fmt.Sprintf("the refund has a status that is not known, %q", a.RefundStatus)
		return o
	}
	o.Kind, o.ChannelRefundID = kind, a.RefundTargetOrderID
	if a.RefundAmount != nil {
		amount := money.Minor(*a.RefundAmount)
		o.Amount = &amount
	}
	switch kind {
	case refund.OutcomeDone:
		o.SucceededAt = a.RefundPayTime
	case refund.OutcomeFailed, refund.OutcomeUnknown:
		o.Code, o.Message = status, a.ErrMsg
	}
	return o
}

// contradicts returns why an answer is not about the refund, "" where it may be.
func (c *connector) contradicts(a answer, i channel.Instruction, original string) (code, message string) {
	asked := int64(i.Amount.Minor)
	switch {
	case a.RefundOrderID != "" && a.RefundOrderID != i.Number:
		return "OTHER_REFUND", "the answer is about another refund"
	case a.MID != "" && a.MID != c.own.MID:
		return "OTHER_MERCHANT", "the answer is about another merchant's refund"
	case a.BillNo != "" && a.BillNo != original:
		return "OTHER_ORDER", "the answer is about a refund of another bill"
	case a.BillNo == "" && a.MerOrderID != "" && a.MerOrderID != original && a.MerOrderID != i.Number:
		return "OTHER_ORDER", "the answer is about a refund of another order"
	case a.SendBackAmount != nil && *a.SendBackAmount > asked:
		return "AMOUNT", fmt.Sprintf("the answer speaks of %d fen given back, and the refund has %d", *a.SendBackAmount, asked)
	case a.TotalAmount != nil && *a.TotalAmount < asked:
		return "TOTAL", fmt.Sprintf("the answer is about a payment of %d fen, and the refund has %d", *a.TotalAmount, asked)
	}
	return "", ""
}
