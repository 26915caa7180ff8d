package wechatpay

import (
	"crypto/rsa"
	"crypto/sha1" // the hash that the documents name for encrypted fields
	"encoding/base64"
	"encoding/json"
	"regexp"
	"slices"

	"github.com/refundry/refundry/channelsim"
)

// banks are those whose debit cards can take an abnormal refund.
var banks = []string{
	"CMB_DEBIT", "COMM_DEBIT", "ABC_DEBIT", "CCB_DEBIT", "ICBC_DEBIT", "BOC_DEBIT", "PAB_DEBIT", "SPDB_DEBIT", "CITIC_DEBIT", "CEB_DEBIT", "CMBC_DEBIT",
	"CIB_DEBIT", "GDB_DEBIT", "PSBC_DEBIT", "NBCB_DEBIT",
}

var cardNumber = regexp.MustCompile(`^[0-9]{12,19}$`)

// abnormal sends an abnormal refund elsewhere. id is the platform's own.
func (s *Side) abnormal(c *channelsim.Call, id string) channelsim.Answer {
	var in struct {
		SubMchID    string `json:"sub_mchid"`
		OutRefundNo string `json:"out_refund_no"`
		Type        string `json:"type"`
		BankType    string `json:"bank_type"`
		BankAccount string `json:"bank_account"`
		RealName    string `json:"real_name"`
	}
	if json.Unmarshal(c.Body, &in) != nil {
		return badParam("/", "", "the body is not the JSON of an abnormal refund", "body")
	}
	to := map[string]string{attributeChannel: "ORIGINAL", attributeLanded: "商户结算银行账户"}
	switch in.Type {
	case "MERCHANT_BANK_CARD":
	case "USER_BANK_CARD":
		card, holder := s.open(c, in.BankAccount), s.open(c, in.RealName)
		switch {
		case !slices.Contains(banks, in.BankType):
			return badParam("/bank_type", in.BankType, "is no debit card's", "body")
		case !cardNumber.MatchString(card):
			return badParam("/bank_account", "", "can't be decrypted to a card number", "body")
		case holder == "":
			return badParam("/real_name", "", "can't be decrypted", "body")
		}
		to = map[string]string{attributeChannel: "OTHER_BANKCARD", attributeLanded: "银行储蓄卡" + card[len(card)-4:]}
	default:
		return badParam("/type", in.Type, "must be USER_BANK_CARD or MERCHANT_BANK_CARD", "body")
	}
	r := c.Books.RefundByID(id)
	if r == nil {
		return fail(404, "RESOURCE_NOT_EXISTS", "退款单不存在")
	}
	p := c.Books.Payment(r.TransactionID)
	if r.Number != in.OutRefundNo || p.Attributes[attributeSub] != in.SubMchID || !c.Books.Reroute(r, to, settle) {
		return against("退款单状态不正确")
	}
	return s.show(c, p, r)
}

// open decrypts a field with the key that the request names, "" where it can't.
func (s *Side) open(c *channelsim.Call, text string) string {
	by := s.certificate
	if c.Header.Get("Wechatpay-Serial") == s.public.name {
		by = s.public
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return ""
	}
	plain, err := rsa.DecryptOAEP(sha1.New(), nil, by.key, raw, nil)
	if err != nil {
		return ""
	}
	return string(plain)
}
