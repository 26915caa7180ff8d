// Package chinaums is the server side of ChinaUMS in the channel simulator: refunds of
// orders and of C-scan-B bills, their queries in both forms, order queries and notices,
// on the open platform and on the route of legacy messages. docs/channel-sim.md says
// what it leaves out.
package chinaums

import (
	"crypto/rand"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/channelsim"
)

// Name is the channel's name.
const Name = "chinaums"

// Limits of a request.
const (
	minNumber = 6
	maxNumber = 32
	maxBillNo = 31
	maxAmount = 100_000_000
	maxText   = 255
	maxMsgID  = 64
	midSize   = 15
	tidSize   = 8
)

// walletTime is how long a wallet takes for a refund that it does not make at once.
const walletTime = 3 * time.Second

// beijing is where the platform's days begin and its times are written.
var beijing = time.FixedZone("", 8*60*60)

// instBills is the institution of C-scan-B payments, which are refunded as bills.
const instBills = "QRPAYDEFAULT"

// Side is the platform.
type Side struct {
	appID, appKey, communicationKey  string
	mid, tid, instMid, msgSrc, srcID string
}

// New makes the side.
func New() *Side { return &Side{} }

var _ channelsim.Side = (*Side)(nil)

// Name implements channelsim.Side.
func (*Side) Name() string { return Name }

// NewAccount implements channelsim.Side: one merchant for both generations.
func (*Side) NewAccount(time.Time) (shown, kept map[string]string, err error) {
	return map[string]string{
		"app_id": "8a81c1be" + strings.ToLower(rand.Text())[:24], "app_key": strings.ToLower(rand.Text()) + strings.ToLower(rand.Text())[:6],
		"mid": "898" + digits(midSize-3), "tid": digits(tidSize), "inst_mid": "H5DEFAULT",
		"communication_key": rand.Text() + rand.Text(), "msg_src": "WWW.SIM.COM", "msg_src_id": digits(4),
	}, map[string]string{}, nil
}

// digits makes a number of n digits, of which the first is none.
func digits(n int) string {
	raw := make([]byte, n)
	_, _ = rand.Read(raw) // never fails
	for at := range raw {
		raw[at] = '0' + raw[at]%10
	}
	raw[0] = '1' + raw[0]%9
	return string(raw)
}

// Addresses implements channelsim.Side.
func (*Side) Addresses(base string) map[string]string { return map[string]string{"base_url": base} }

// Settings implements channelsim.Side.
func (*Side) Settings(shown map[string]string) map[string]string { return maps.Clone(shown) }

// Open implements channelsim.Side.
func (s *Side) Open(_ string, shown, _ map[string]string) error {
	for name, field := range map[string]*string{
		"app_id": &s.appID, "app_key": &s.appKey, "communication_key": &s.communicationKey, "mid": &s.mid, "tid": &s.tid, "inst_mid": &s.instMid,
		"msg_src": &s.msgSrc, "msg_src_id": &s.srcID,
	} {
		if *field = shown[name]; *field == "" {
			return fmt.Errorf("%s is missing", name)
		}
	}
	return nil
}

// Lacks implements channelsim.Side. Answers of the open platform are not signed, and
// keys are shared: no other one can sign. There is a daily file, whose form is not
// documented, and no state of a refund that comes back. A balance that is too small has
// no code of its own: the wallet refuses the refund for good.
func (*Side) Lacks(phase channelsim.Phase, fault channelsim.Fault) bool {
	switch fault {
	case channelsim.CertificateSwitch, channelsim.LateReturn, channelsim.LyingBill, channelsim.ShortOfFunds:
		return true
	case channelsim.WrongSignature:
		return phase != channelsim.InNotice
	}
	return phase == channelsim.InBill
}

// Switch implements channelsim.Side: there is no other key.
func (*Side) Switch() {}

// Zone implements channelsim.Side.
func (*Side) Zone() *time.Location { return beijing }

// Bill implements channelsim.Side: a list for people. The form of the platform's own
// file is not documented.
func (*Side) Bill(_ *channelsim.Books, _ time.Time, rows []channelsim.Refund) (string, []byte) {
	var text strings.Builder
	_, _ = text.WriteString("refundOrderId,seqId,refundAmount,refundStatus\r\n")
	for _, r := range rows {
		_, _ = fmt.Fprintf(&text, "%s,%s,%d,%s\r\n", r.Number, r.ID, r.Amount, states[r.State])
	}
	return "text/csv; charset=utf-8", []byte(text.String())
}

// PaymentID implements channelsim.Side: the serial number of the platform.
func (*Side) PaymentID(n int64, at time.Time) string {
	return at.In(beijing).Format("20060102") + fmt.Sprintf("%08dN", n)
}

// RefundID implements channelsim.Side: likewise.
func (*Side) RefundID(n int64, at time.Time) string {
	return at.In(beijing).Format("20060102") + fmt.Sprintf("%08dR", n)
}

// The attributes of a payment.
const (
	attributeInst   = "inst_mid"   // its institution, default the account's
	attributeTarget = "target_sys" // its wallet, default WXPay
	attributeForm   = "query_form" // how its refunds are asked about: "refund" or "order"
	attributeSlow   = "slow"       // "yes": its refunds are processed for a while; "no"
)

// Wallets behind the platform.
var targets = []string{"WXPay", "Alipay 2.0", "UnionPay", "ACP"}

// usual is how the refunds of a payment are asked about, and whether they take a while,
// where nobody says: each by the payment's number, so that a caller meets all of it.
func usual(number string) (form, slow string) {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(number))
	form, slow = formRefund, "no"
	if hash.Sum32()%3 == 0 {
		form = formOrder
	}
	if hash.Sum32()/3%3 == 0 {
		slow = "yes"
	}
	return form, slow
}

// CheckPayment implements channelsim.Side.
func (s *Side) CheckPayment(p *channelsim.Payment) error {
	if p.Attributes == nil {
		p.Attributes = make(map[string]string)
	}
	form, slow := usual(p.Number)
	for name, fallback := range map[string]string{attributeInst: s.instMid, attributeTarget: targets[0], attributeForm: form, attributeSlow: slow} {
		if p.Attributes[name] == "" {
			p.Attributes[name] = fallback
		}
	}
	allowed := map[string][]string{
		attributeTarget: targets, attributeForm: {formRefund, formOrder}, attributeSlow: {"yes", "no"},
		attributeInst: {instBills, "YUEDANDEFAULT", "MINIDEFAULT", "APPDEFAULT", "H5DEFAULT", "WGDEFAULT"},
	}
	for name, value := range p.Attributes {
		if allowed[name] == nil {
			return fmt.Errorf("unknown attribute %q (hint: inst_mid, target_sys, query_form or slow)", name)
		}
		if !slices.Contains(allowed[name], value) {
			return fmt.Errorf("%s must be one of %s", name, strings.Join(allowed[name], ", "))
		}
	}
	switch {
	case p.Currency != "CNY":
		return errors.New("ChinaUMS's payments are in CNY")
	case len(p.Number) < minNumber || len(p.Number) > maxNumber:
		return errors.New("number must have 6 to 32 characters")
	case len(p.Coupons) > 0:
		return errors.New("the simulated payments have no coupons")
	}
	return nil
}
