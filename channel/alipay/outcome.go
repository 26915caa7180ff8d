package alipay

import (
	"fmt"
	"slices"
	"strings"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/alipay"
)

// meaning is what a code says of a refund, by the call that it answers.
type meaning struct{ submit, query refund.OutcomeKind }

// Meanings of more than one code.
var (
	// unclear: money may have moved.
	unclear = meaning{refund.OutcomeUnknown, refund.OutcomeUnknown}
	// refused: the gateway or the platform took nothing, and will not.
	refused = meaning{refund.OutcomeRefused, refund.OutcomeRefused}
	// later: nothing came of the call. The account, its clock or the number of calls is
	// at fault, and not the refund.
	later = meaning{refund.OutcomeTryLater, refund.OutcomeTryLater}
	// final is a refusal of a refund. As the answer to a question it says nothing.
	final = meaning{refund.OutcomeRefused, refund.OutcomeUnknown}
)

// codes are all that the documents know but success (docs/channels/alipay.md). A code
// that is not here is unknown.
var codes = map[string]meaning{
	wire.CodePaying:           unclear, // of payments alone
	wire.CodeUnavailable:      unclear,
	wire.CodeUnauthorized:     later,
	wire.CodeMissingParameter: refused,
	wire.CodeInvalidParameter: refused,
	wire.CodeConditions:       later,
	wire.CodeCallLimit:        later,
	wire.CodePermission:       later,
}

// contentCodes are the sub-codes of a missing and of an invalid parameter that may be
// about the refund itself. All others are about what every call of the account has: its
// app, keys, certificates and clock.
var contentCodes = []string{"", wire.SubMissingParameter, wire.SubInvalidParameter}

// businessCodes are the sub-codes of wire.CodeBusiness. One that is not here is
// unknown.
var businessCodes = map[string]meaning{
	wire.SubSystemError:    unclear,
	wire.SubSystemErrorToo: unclear,
	// Nothing was created: the same number once funds are there.
	wire.SubBalance: {refund.OutcomeShortOfFunds, refund.OutcomeUnknown},
	// The documents have the same refund sent again.
	"ACQ.REFUND_CHARGE_ERROR":      {refund.OutcomeTryLater, refund.OutcomeUnknown},
	"ACQ.ENTERPRISE_PAY_BIZ_ERROR": {refund.OutcomeTryLater, refund.OutcomeUnknown},
	// Money was refunded under the number, and of another amount.
	"ACQ.DISCORDANT_REPEAT_REQUEST": unclear,

	"ACQ.REASON_TRADE_REFUND_FEE_ERR": final,
	"ACQ.REFUND_AMT_NOT_EQUAL_TOTAL":  final,
	"ACQ.REFUND_FEE_ERROR":            final,
	wire.SubTradeNotExist:             final,
	"ACQ.TRADE_HAS_FINISHED":          final,
	// Never paid or refunded in full: where this very refund may have done that, the
	// core asks before it believes a refusal.
	"ACQ.TRADE_HAS_CLOSE":                       final,
	"ACQ.TRADE_STATUS_ERROR":                    final,
	"ACQ.REASON_TRADE_STATUS_INVALID":           final,
	"ACQ.TRADE_NOT_ALLOW_REFUND":                final,
	"ACQ.NOT_ALLOW_PARTIAL_REFUND":              final,
	"ACQ.ONLINE_TRADE_VOUCHER_NOT_ALLOW_REFUND": final,
	"ACQ.REASON_TRADE_BEEN_FREEZEN":             final,
	// The payer's account: nothing was created, so that there is nothing to reroute.
	"ACQ.BUYER_ERROR":                            final,
	"ACQ.BUYER_NOT_EXIST":                        final,
	"ACQ.BUYER_ENABLE_STATUS_FORBID":             final,
	"ACQ.CUSTOMER_VALIDATE_ERROR":                final,
	"ACQ.USER_NOT_MATCH_ERR":                     final,
	"ACQ.ALLOC_AMOUNT_VALIDATE_ERROR":            final,
	"ACQ.REFUND_ROYALTY_PAYEE_ACCOUNT_NOT_EXIST": final,
	"ACQ.REFUNDALLOC_UNAUTH_LIMIT":               final,
	"ACQ.REFUND_ACCOUNT_NOT_EXIST":               final,
	"ACQ.TRADE_SETTLE_ERROR":                     final,
	"ACQ.CURRENCY_NOT_SUPPORT":                   final,
	"ACQ.INVALID_PARAMETER":                      final,
}

// meaningOf finds what a status that is no success says.
func meaningOf(s wire.Status) meaning {
	if s.Code == wire.CodeBusiness {
		if strings.HasPrefix(s.SubCode, wire.OverdraftSubPrefix) {
			return final
		}
		if known, ok := businessCodes[s.SubCode]; ok {
			return known
		}
		return unclear
	}
	known, ok := codes[s.Code]
	if !ok {
		return unclear
	}
	if known == refused && !slices.Contains(contentCodes, s.SubCode) {
		return later
	}
	return known
}

// accountFault is what an operator reads of a status that means later; "" where time
// mends it.
func accountFault(s wire.Status) string {
	if s.Code == wire.CodeCallLimit {
		return ""
	}
	return fmt.Sprintf("Alipay refuses the account with %s (hint: refundry account check names the setting at fault; "+
		"else look at the app's rights and contracts on Alipay's pages)", strings.TrimSpace(s.Code+" "+s.SubCode))
}

// noSuccess is what an answer says that is no success, or is not to be believed. ok is
// false for a verified success.
func (a answer) noSuccess(call refund.Source) (o refund.Outcome, ok bool) {
	o = refund.Outcome{Kind: refund.OutcomeUnknown, Sent: a.sent}
	status := wire.StatusOf(a.Node)
	switch {
	case a.problem != nil && a.http == 0:
		o.Code, o.Message = "NO_ANSWER", a.problem.Error()
	case a.problem != nil:
		// Nobody may go by these words, but an operator should see them.
		o.Code, o.Message = "NOT_BELIEVED", a.problem.Error()
		if status.Code != "" {
			o.Message += "; it says " + status.Error()
		}
	case status.OK():
		return o, false
	default:
		o.Code, o.Message = status.Code, status.Error()
		if status.SubCode != "" {
			o.Code = status.SubCode
		}
		known := meaningOf(status)
		if known == later {
			o.Alert = accountFault(status)
		}
		if o.Kind = known.query; call == refund.Submit {
			o.Kind = known.submit
		}
	}
	return o, true
}

// submitted is what the answer to a refund says. It names the trade and not the
// refund, and its refund_fee is what was refunded of the trade so far: no amount is
// taken from it.
func (a answer) submitted(i channel.Instruction) refund.Outcome {
	o, ended := a.noSuccess(refund.Submit)
	if ended {
		return o
	}
	got, err := wire.DecodeRefund(a.Node)
	switch {
	case err != nil:
		o.Code, o.Message = codeUnreadable, err.Error()
	case otherTrade(got.TradeNo, got.OutTradeNo, i):
		o.Code, o.Message = codeOtherTrade, otherTradeText
	case got.FundChange == wire.FundChangeYes:
		o.Kind, o.SucceededAt, o.Message = refund.OutcomeDone, got.PaidAt, ways(got.Items, got.SendBackFee)
	default:
		// N, or nothing: the platform has the request. It says the same of one that it
		// carried out before.
		o.Kind, o.Message = refund.OutcomeAccepted, fmt.Sprintf("fund_change is %q, which proves nothing: it is asked about", got.FundChange)
	}
	return o
}

// Codes of answers that can't be right.
const (
	codeUnreadable = "UNREADABLE"
	codeOtherTrade = "OTHER_TRADE"
	otherTradeText = "the answer is about another trade"
)

// otherTrade reports whether an answer names another trade than was asked about.
func otherTrade(tradeNo, outTradeNo string, i channel.Instruction) bool {
	wantTrade, wantOut := trade(i.TransactionID, i.Charge.OrderNo)
	return wantTrade != "" && tradeNo != wantTrade || wantOut != "" && outTradeNo != wantOut
}

// queried is what the answer to a question says. Only REFUND_SUCCESS says something,
// and only with this refund's number and amount: an empty status stands for a refund
// that did not come, is not done or has failed, and for a number that is not known.
func (a answer) queried(i channel.Instruction) refund.Outcome {
	o, ended := a.noSuccess(refund.Query)
	if ended {
		return o
	}
	got, err := wire.DecodeRefundQuery(a.Node)
	switch {
	case err != nil:
		o.Code, o.Message = codeUnreadable, err.Error()
	case got.RefundStatus == "":
		o.Kind, o.Code, o.Message = refund.OutcomeInconclusive, "NO_REFUND_STATUS", "the answer shows no refund, which proves nothing"
		if got.ErrorCode != "" {
			o.Message += "; it has the error_code " + got.ErrorCode
		}
	case got.RefundStatus != wire.RefundSuccess:
		o.Code, o.Message = "REFUND_STATUS", fmt.Sprintf("the refund has a status that is not known, %q", got.RefundStatus)
	case got.OutRequestNo != i.Number:
		o.Code, o.Message = "OTHER_REFUND", "the answer is about another refund"
	case otherTrade(got.TradeNo, got.OutTradeNo, i):
		o.Code, o.Message = codeOtherTrade, otherTradeText
	case got.RefundAmount == nil:
		o.Code, o.Message = "NO_AMOUNT", "the answer does not say what was refunded"
	case got.TotalAmount != nil && *got.TotalAmount != int64(i.Total.Minor):
		o.Code, o.Message = "TOTAL", fmt.Sprintf("the answer is about a trade of %d fen, not of %d", *got.TotalAmount, i.Total.Minor)
	default:
		amount := money.Minor(*got.RefundAmount)
		o.Kind, o.Amount, o.SucceededAt, o.Message = refund.OutcomeDone, &amount, got.PaidAt, ways(got.Items, got.SendBackFee)
		if back := got.DepositBack; back != nil {
			o.Landed = landed[back.Status]
			o.Message = strings.TrimPrefix(o.Message+"; "+depositBacks[back.Status], "; ")
		}
	}
	return o
}

// landed is where money went whose way to a bank card has such a status: back to the
// payer's balance, where the bank did not take it. That is no failure.
var landed = map[string]refund.Landed{wire.DepositBackFailed: {Way: refund.WayBalance, Account: "支付宝余额"}}

// depositBacks say the same for people.
var depositBacks = map[string]string{
	wire.DepositBackDone:    "the bank has taken the money",
	wire.DepositBackFailed:  "the bank did not take the money: it is in the payer's Alipay balance",
	wire.DepositBackPending: "the money is on its way to the bank",
}

// ways says by which ways the money goes, for people.
func ways(items []wire.FundItem, sendBack *int64) string {
	var parts []string
	for _, item := range items {
		if item.Amount != nil {
			parts = append(parts, item.Channel+" "+wire.FormatYuan(*item.Amount))
		}
	}
	if sendBack != nil {
		parts = append(parts, "paid back by the merchant "+wire.FormatYuan(*sendBack))
	}
	return strings.Join(parts, ", ")
}
