package wechatpay

import (
	"crypto/rsa"

	"github.com/refundry/refundry/wire/exactjson"
)

// AbnormalRequest is the body of POST
// /v3/refund/domestic/refunds/{refund_id}/apply-abnormal-refund (W2.3-2 to
// W2.3-7). The last two are encrypted with the key that the request's
// Wechatpay-Serial names.
type AbnormalRequest struct {
	SubMchID    string `json:"sub_mchid,omitempty"`
	OutRefundNo string `json:"out_refund_no"`
	Type        string `json:"type"`
	BankType    string `json:"bank_type,omitempty"`
	BankAccount string `json:"bank_account,omitempty"` // encrypted card number
	RealName    string `json:"real_name,omitempty"`    // encrypted holder's name
}

// Card is where an abnormal refund goes, decrypted. It may not be stored or
// logged.
type Card struct {
	BankType string
	Account  Sensitive
	RealName Sensitive
}

// DecodeAbnormalRequest reads and checks a request's form. The members of the
// card are required for USER_BANK_CARD and ignored for MERCHANT_BANK_CARD.
// Errors are *ParamError.
func DecodeAbnormalRequest(body exactjson.Value) (AbnormalRequest, error) {
	r := newReader(body)
	request := AbnormalRequest{
		SubMchID:    r.text("sub_mchid", rule{min: 1, max: maxID, good: isDigits, issue: "must be digits"}),
		OutRefundNo: r.text("out_refund_no", rule{required: true, min: 1, max: MaxOutRefundNo, good: isNumber, issue: numberIssue}),
		Type:        r.text("type", rule{required: true, good: oneOf(AbnormalUserCard, AbnormalMerchantCard), issue: "must be USER_BANK_CARD or MERCHANT_BANK_CARD"}),
	}
	if request.Type == AbnormalUserCard {
		request.BankType = r.text("bank_type", rule{required: true, good: func(text string) bool { return abnormalBanks[text] != "" }, issue: "must be a bank's debit cards, such as ICBC_DEBIT"})
		request.BankAccount = r.text("bank_account", rule{required: true, min: 1, max: maxSensitive, secret: true})
		request.RealName = r.text("real_name", rule{required: true, min: 1, max: maxSensitive, secret: true})
	}
	if err := r.err(); err != nil {
		return AbnormalRequest{}, err
	}
	return request, nil
}

// Open decrypts the card of a request for USER_BANK_CARD; any other has the
// zero Card. It returns *ParamError for a member that can't be decrypted, which
// does not repeat it.
func (request AbnormalRequest) Open(key *rsa.PrivateKey) (Card, error) {
	card := Card{BankType: request.BankType}
	if request.Type != AbnormalUserCard {
		return card, nil
	}
	for _, part := range []struct {
		name      string
		encrypted string
		text      *Sensitive
	}{{"bank_account", request.BankAccount, &card.Account}, {"real_name", request.RealName, &card.RealName}} {
		text, err := Decrypt(key, part.encrypted)
		if err != nil || text.text == "" {
			return Card{}, &ParamError{Field: "/" + part.name, Issue: "can't be decrypted with the key of Wechatpay-Serial", Location: LocationBody}
		}
		*part.text = text
	}
	return card, nil
}

// cardTail is how many digits of a card may be shown.
const cardTail = 4

// Tail returns a card's last four digits, which user_received_account shows, ""
// when there are no four.
func (card Card) Tail() string {
	number := card.Account.text
	if len(number) < cardTail || !isDigits(number[len(number)-cardTail:]) {
		return ""
	}
	return number[len(number)-cardTail:]
}
