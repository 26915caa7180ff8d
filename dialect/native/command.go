package native

import (
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// What refundry's commands share with the API: a charge is read, and things
// are shown, in one form.

// Importer reads charges outside of a request.
type Importer struct{ registration registration }

// NewImporter makes an importer of a merchant's charges; now stands in for
// what a charge does not say of its time in test mode.
func NewImporter(dialects merchant.Dialects, m merchant.Merchant, identities []merchant.Identity, accounts []merchant.ChannelAccount, now time.Time) Importer {
	return Importer{registration{dialects: dialects, merchant: m, identities: identities, accounts: accounts, now: now}}
}

// At is the importer at a later time.
func (i Importer) At(now time.Time) Importer {
	i.registration.now = now
	return i
}

// Charge reads a charge from the body of POST /refundry/v1/charges and makes it
// ready to be registered. What is wrong with it is a *refund.Error.
func (i Importer) Charge(body []byte) (refund.Charge, error) {
	parsed, err := parse(body)
	if err != nil {
		return refund.Charge{}, err
	}
	in, err := decodeCharge(i.registration.dialects, parsed)
	if err != nil {
		return refund.Charge{}, err
	}
	return i.registration.charge(in, "")
}

// ReadSettings changes a merchant's settings by the body of PATCH
// /refundry/v1/merchant/settings. What is wrong with it is a *refund.Error.
func ReadSettings(dialects merchant.Dialects, body []byte, s *merchant.Settings) error {
	parsed, err := parse(body)
	if err != nil {
		return err
	}
	return parsed.settings(dialects, s)
}

// ChargeJSON is a charge as the API shows it.
func ChargeJSON(dialects merchant.Dialects, c refund.Charge) any { return answerCharge(dialects, c) }

// RefundJSON is a refund of c as the API's lists show it.
func RefundJSON(r refund.Refund, c refund.Charge) any { return answerRefund(r, c.Detail.Coupons) }

// WholeRefundJSON is a refund of c with its history.
func WholeRefundJSON(r refund.Refund, c refund.Charge, attempts []refund.Attempt, transfers []refund.StoredTransfer) any {
	return wholeRefund{answerRefund(r, c.Detail.Coupons), answerAttempts(r, attempts), answerTransfers(transfers)}
}

// TraceJSON is what is kept of a refund, as GET /refunds/{id}/trace returns it.
func TraceJSON(dialects merchant.Dialects, t admin.Trace) any { return answerTrace(dialects, t) }
