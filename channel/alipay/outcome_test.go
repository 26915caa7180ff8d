package alipay_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/channel/alipay"
	"github.com/refundry/refundry/channel/alipay/alipaytest"
	"github.com/refundry/refundry/refund"
)

// said is what the documents say an answer means to a submit and a query.
type said struct {
	code, sub     string
	submit, query refund.OutcomeKind
}

const (
	refused  = refund.OutcomeRefused
	unknown  = refund.OutcomeUnknown
	tryLater = refund.OutcomeTryLater
	short    = refund.OutcomeShortOfFunds
)

var documented = []said{
	{"10003", "", unknown, unknown},
	{"20000", "", unknown, unknown},
	{"20000", "isp.unknow-error", unknown, unknown},
	{"20000", "aop.unknow-error", unknown, unknown},
	{"20001", "", tryLater, tryLater},
	{"40001", "", refused, refused},
	{"40001", "isv.missing-parameter", refused, refused},
	{"40001", "isv.missing-app-id", tryLater, tryLater},
	{"40002", "", refused, refused},
	{"40002", "isv.missing-parameter", refused, refused},
	{"40002", "isv.invalid-parameter", refused, refused},
	{"40002", "isv.invalid-app-id", tryLater, tryLater},
	{"40002", "isv.invalid-app-cert-sn", tryLater, tryLater},
	{"40002", "isv.never-documented", tryLater, tryLater},
	{"40002", "isv.invalid-signature", tryLater, tryLater},
	{"40002", "isv.invalid-timestamp", tryLater, tryLater},
	{"40003", "", tryLater, tryLater},
	{"40003", "isv.never-documented", tryLater, tryLater},
	{"40005", "", tryLater, tryLater},
	{"40006", "", tryLater, tryLater},
	{"40006", "isv.insufficient-isv-permissions", tryLater, tryLater},
	{"40006", "isv.invalid-parameter", tryLater, tryLater},
	{"40004", "ACQ.SYSTEM_ERROR", unknown, unknown},
	{"40004", "aop.ACQ.SYSTEM_ERROR", unknown, unknown},
	{"40004", "ACQ.REFUND_CHARGE_ERROR", tryLater, unknown},
	{"40004", "ACQ.SELLER_BALANCE_NOT_ENOUGH", short, unknown},
	{"40004", "ACQ.ENTERPRISE_PAY_BIZ_ERROR", tryLater, unknown},
	{"40004", "ACQ.DISCORDANT_REPEAT_REQUEST", unknown, unknown},
	{"40004", "ACQ.REASON_TRADE_REFUND_FEE_ERR", refused, unknown},
	{"40004", "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", refused, unknown},
	{"40004", "ACQ.REFUND_FEE_ERROR", refused, unknown},
	{"40004", "ACQ.TRADE_NOT_EXIST", refused, unknown},
	{"40004", "ACQ.TRADE_HAS_FINISHED", refused, unknown},
	{"40004", "ACQ.TRADE_HAS_CLOSE", refused, unknown},
	{"40004", "ACQ.TRADE_STATUS_ERROR", refused, unknown},
	{"40004", "ACQ.REASON_TRADE_STATUS_INVALID", refused, unknown},
	{"40004", "ACQ.TRADE_NOT_ALLOW_REFUND", refused, unknown},
	{"40004", "ACQ.NOT_ALLOW_PARTIAL_REFUND", refused, unknown},
	{"40004", "ACQ.ONLINE_TRADE_VOUCHER_NOT_ALLOW_REFUND", refused, unknown},
	{"40004", "ACQ.REASON_TRADE_BEEN_FREEZEN", refused, unknown},
	{"40004", "ACQ.BUYER_ERROR", refused, unknown},
	{"40004", "ACQ.BUYER_NOT_EXIST", refused, unknown},
	{"40004", "ACQ.BUYER_ENABLE_STATUS_FORBID", refused, unknown},
	{"40004", "ACQ.CUSTOMER_VALIDATE_ERROR", refused, unknown},
	{"40004", "ACQ.USER_NOT_MATCH_ERR", refused, unknown},
	{"40004", "ACQ.ALLOC_AMOUNT_VALIDATE_ERROR", refused, unknown},
	{"40004", "ACQ.REFUND_ROYALTY_PAYEE_ACCOUNT_NOT_EXIST", refused, unknown},
	{"40004", "ACQ.REFUNDALLOC_UNAUTH_LIMIT", refused, unknown},
	{"40004", "ACQ.REFUND_ACCOUNT_NOT_EXIST", refused, unknown},
	{"40004", "ACQ.OVERDRAFT_AGREEMENT_NOT_MATCH", refused, unknown},
	{"40004", "ACQ.OVERDRAFT_ASSIGN_ACCOUNT_INVALID", refused, unknown},
	{"40004", "ACQ.TRADE_SETTLE_ERROR", refused, unknown},
	{"40004", "ACQ.CURRENCY_NOT_SUPPORT", refused, unknown},
	{"40004", "ACQ.INVALID_PARAMETER", refused, unknown},
	// What the documents do not have.
	{"40004", "", unknown, unknown},
	{"40004", "ACQ.SOMETHING_NEW", unknown, unknown},
	{"40004", "acq.trade_not_exist", unknown, unknown},
	{"40007", "", unknown, unknown},
	// The code decides before the sub-code.
	{"20000", "ACQ.SELLER_BALANCE_NOT_ENOUGH", unknown, unknown},
	{"20000", "isv.invalid-signature", unknown, unknown},
	{"40005", "isv.invalid-signature", tryLater, tryLater},
}

func TestEveryCodeMeansWhatTheDocumentsSay(t *testing.T) {
	f := newFake(t, false)
	connector := f.open(f.account(nil))
	var tested []string
	for n, row := range documented {
		answer := row.code + " " + row.sub
		tested = append(tested, answer)
		t.Run(answer, func(t *testing.T) {
			i := instruction(fmt.Sprintf("R%d", n))
			f.Always[i.Number], f.Queries[i.Number] = answer, answer
			for call, one := range map[string]struct {
				got  refund.Outcome
				want refund.OutcomeKind
			}{
				"submit": {connector.Submit(t.Context(), i), row.submit},
				"query":  {connector.Query(t.Context(), i), row.query},
			} {
				code := row.sub
				if code == "" {
					code = row.code
				}
				if one.got.Kind != one.want || one.got.Code != code || len(one.got.Sent.Digest) != 64 || one.got.Sent.Request == "" || one.got.Sent.Answer == "" || one.got.Message == "" {
					t.Errorf("%s: %+v, want %s", call, one.got, one.want)
				}
				if one.got.Amount != nil || one.got.ChannelRefundID != "" {
					t.Errorf("%s: an error names a refund: %+v", call, one.got)
				}
				if account := row.submit == tryLater && row.query == tryLater && row.code != "40005"; (one.got.Alert != "") != account || account && !strings.Contains(one.got.Alert, code) {
					t.Errorf("%s: an operator is told %q", call, one.got.Alert)
				}
			}
		})
	}
	for _, code := range alipay.Codes() {
		if !slices.Contains(tested, code) {
			t.Errorf("%q is in the table and not tested", code)
		}
	}
}

func TestFundChangeDecidesWhatAnAnswerToARefundSays(t *testing.T) {
	at := time.Date(2026, 11, 29, 9, 0, 0, 0, time.UTC)
	for fault, want := range map[string]refund.Outcome{
		"":               {Kind: refund.OutcomeDone, SucceededAt: at, Message: "BANKCARD 1.00, paid back by the merchant 1.00"},
		"fund_change N":  {Kind: refund.OutcomeAccepted, Message: `fund_change is "N", which proves nothing: it is asked about`},
		"no fund_change": {Kind: refund.OutcomeAccepted, Message: `fund_change is "", which proves nothing: it is asked about`},
		"fund_change X":  {Kind: refund.OutcomeAccepted, Message: `fund_change is "X", which proves nothing: it is asked about`},
	} {
		f := newFake(t, false)
		f.Faults["R1"] = []string{fault}
		got := f.open(f.account(nil)).Submit(t.Context(), instruction("R1"))
		if want.Sent = got.Sent; !cmp.Equal(want, got, cmp.Comparer(time.Time.Equal)) {
			t.Errorf("%q (-want +got)\n%s", fault, cmp.Diff(want, got, cmp.Comparer(time.Time.Equal)))
		}
		wantShown := map[string]string{"out_request_no": "R1", "trade_no": alipaytest.TradeNo, "refund_amount": "1.00"}
		if diff := cmp.Diff(wantShown, got.Sent.Shown); diff != "" {
			t.Errorf("shown (-want +got)\n%s", diff)
		}
	}
}

func TestARepeatOfAFinishedRefundIsAskedAboutAndNotBelieved(t *testing.T) {
	f := newFake(t, false)
	connector := f.open(f.account(nil))
	for n, want := range []refund.OutcomeKind{refund.OutcomeDone, refund.OutcomeAccepted} {
		if o := connector.Submit(t.Context(), instruction("R1")); o.Kind != want {
			t.Errorf("submit %d: %+v, want %s", n, o, want)
		}
	}
	o := connector.Query(t.Context(), instruction("R1"))
	if o.Kind != refund.OutcomeDone || o.Amount == nil || *o.Amount != 100 {
		t.Errorf("%+v", o)
	}
}

// refund_fee is what was refunded of the trade so far: the second refund of 1 yuan is
// answered with 2.
func TestRefundFeeIsTheSumSoFarAndNeverThisRefundsAmount(t *testing.T) {
	f := newFake(t, false)
	connector := f.open(f.account(nil))
	for _, number := range []string{"R1", "R2"} {
		if o := connector.Submit(t.Context(), instruction(number)); o.Kind != refund.OutcomeDone || o.Amount != nil {
			t.Errorf("%s: %+v", number, o)
		}
		if o := connector.Query(t.Context(), instruction(number)); o.Kind != refund.OutcomeDone || *o.Amount != 100 {
			t.Errorf("%s: %+v", number, o)
		}
	}
}

func TestAnEmptyRefundStatusProvesNothing(t *testing.T) {
	f := newFake(t, false)
	connector := f.open(f.account(nil))
	f.Queries["R2"] = "error_code"
	for number, message := range map[string]string{"R1": "proves nothing", "R2": "error_code ACQ.SELLER_BALANCE_NOT_ENOUGH"} {
		o := connector.Query(t.Context(), instruction(number))
		if o.Kind != refund.OutcomeInconclusive || !strings.Contains(o.Message, message) || o.Amount != nil {
			t.Errorf("%s: %+v", number, o)
		}
	}
	if o := connector.Submit(t.Context(), instruction("R3")); o.Kind != refund.OutcomeDone {
		t.Errorf("%+v", o)
	}
	f.Queries["R3"] = "not done"
	if o := connector.Query(t.Context(), instruction("R3")); o.Kind != refund.OutcomeInconclusive {
		t.Errorf("%+v", o)
	}
}

// A bank that sends the money back leaves it in the payer's balance at Alipay: that is
// where it landed, and no failure.
func TestADepositBackToTheBalanceIsWhereTheMoneyLanded(t *testing.T) {
	f := newFake(t, false)
	connector := f.open(f.account(nil))
	for back, want := range map[string]struct {
		landed  refund.Landed
		message string
	}{
		"S": {refund.Landed{}, "the bank has taken the money"},
		"P": {refund.Landed{}, "on its way to the bank"},
		"F": {refund.Landed{Way: refund.WayBalance, Account: "支付宝余额"}, "in the payer's Alipay balance"},
	} {
		i := instruction("R" + back)
		f.Backs[i.Number] = back
		connector.Submit(t.Context(), i)
		o := connector.Query(t.Context(), i)
		if o.Kind != refund.OutcomeDone || o.Landed != want.landed || !strings.Contains(o.Message, want.message) {
			t.Errorf("%s: %+v", back, o)
		}
	}
}

func TestAnAnswerThatIsNotBelievedIsUnknown(t *testing.T) {
	for _, call := range []string{"submit", "query"} {
		faults := []string{
			"unsigned", "wrong signature", "another's key", "unknown certificate", "changed", "half", "half, whole", "long", "page", "error_response", "drop after",
			"500", "202", "302", "404", "other trade",
		}
		if call == "query" {
			faults = append(faults, "no amount", "amount with three decimals", "other refund", "other total", "unknown status")
		}
		for _, fault := range faults {
			t.Run(call+": "+fault, func(t *testing.T) {
				f := newFake(t, fault == "unknown certificate")
				connector := f.open(f.account(nil))
				i := instruction("R1")
				var o refund.Outcome
				if call == "submit" {
					f.Faults["R1"] = []string{fault}
					o = connector.Submit(t.Context(), i)
				} else {
					connector.Submit(t.Context(), i)
					f.Queries["R1"] = fault
					o = connector.Query(t.Context(), i)
				}
				if o.Kind != refund.OutcomeUnknown || o.Code == "" || o.Message == "" || o.Amount != nil {
					t.Errorf("%+v", o)
				}
				if strings.Contains(o.Message, f.URL) {
					t.Errorf("it shows the address: %s", o.Message)
				}
			})
		}
	}
	// An amount that is another is for the core to compare.
	f := newFake(t, false)
	connector := f.open(f.account(nil))
	connector.Submit(t.Context(), instruction("R1"))
	f.Queries["R1"] = "wrong amount"
	if o := connector.Query(t.Context(), instruction("R1")); o.Kind != refund.OutcomeDone || *o.Amount != 777 {
		t.Errorf("%+v", o)
	}
}

func TestWithoutAnAnswerTheOutcomeIsUnknown(t *testing.T) {
	f := newFake(t, false)
	connector := f.open(f.account(nil))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f.Close()
	for name, o := range map[string]refund.Outcome{
		"canceled": connector.Submit(ctx, instruction("R1")), "closed": connector.Submit(t.Context(), instruction("R1")), "asked": connector.Query(t.Context(), instruction("R1")),
	} {
		if o.Kind != refund.OutcomeUnknown || o.Code != "NO_ANSWER" || strings.Contains(o.Message, "127.0.0.1") && strings.Contains(o.Message, "gateway.do") {
			t.Errorf("%s: %+v", name, o)
		}
	}
}

// No private key, token or signature stands in anything that is kept.
func TestNothingSecretIsKept(t *testing.T) {
	f := newFake(t, false)
	f.Token = "201308BB1234567890"
	connector := f.open(f.account(nil))
	for _, fault := range []string{"", "wrong signature", "drop after", "40004 ACQ.SYSTEM_ERROR", "page"} {
		f.Faults["R1"] = []string{fault}
		o := connector.Submit(t.Context(), instruction("R1"))
		f.Mu.Lock()
		sign := f.Seen[len(f.Seen)-1].Get("sign")
		f.Mu.Unlock()
		text := fmt.Sprintf("%+v", o)
		for _, secret := range []string{f.Token, sign, "PRIVATE", bare(alipaytest.File("app_key.pem"))[:40]} {
			if strings.Contains(text, secret) {
				t.Errorf("%q: %s stands in %s", fault, secret, text)
			}
		}
	}
}
