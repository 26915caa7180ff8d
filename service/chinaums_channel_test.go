package service

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/chinaums"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/storetest"
)

const (
	umsAppID, umsAppKey = "10037e6f000000000000000000000001", "6789012345678901234567890123456x"
	umsSource, umsKey   = "WWW.SHOP.COM", "communicationKey"
	umsMID, umsTID      = "898310000000001", "00000001"
)

// umsPlatform is ChinaUMS with orders of 10 yuan and books of its own: it checks
// signatures by code of its own.
type umsPlatform struct {
	*testing.T
	mu      sync.Mutex
	refunds map[string]map[string]string // by number
	moves   map[string]int               // by order
}

// umsSign is the signature of an older message or of a notice.
func umsSign(fields map[string]string) string {
	var pairs []string
	for name, value := range fields {
		if name != "sign" && value != "" {
			pairs = append(pairs, name+"="+value)
		}
	}
	slices.Sort(pairs)
	return fmt.Sprintf("%X", md5.Sum([]byte(strings.Join(pairs, "&")+umsKey)))
}

var umsHeader = regexp.MustCompile(`^OPEN-BODY-SIG AppId="([^"]+)", Timestamp="(\d{14})", Nonce="([^"]{1,128})", Signature="([^"]+)"$`)

// authentic reports whether a request is signed in one of the two ways.
func (p *umsPlatform) authentic(r *http.Request, body []byte, fields map[string]string) bool {
	if fields["msgType"] != "" {
		return fields["msgSrc"] == umsSource && fields["sign"] == umsSign(fields)
	}
	parts := umsHeader.FindStringSubmatch(r.Header.Get("Authorization"))
	if parts == nil || parts[1] != umsAppID {
		return false
	}
	sum := sha256.Sum256(body)
	mac := hmac.New(sha256.New, []byte(umsAppKey))
	mac.Write([]byte(parts[1] + parts[2] + parts[3] + hex.EncodeToString(sum[:])))
	return parts[4] == base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func (p *umsPlatform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var fields map[string]string
	if err == nil {
		err = json.Unmarshal(body, &fields)
	}
	if err != nil {
		p.Errorf("%s: %v", body, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	operation := fields["msgType"] + strings.TrimPrefix(r.URL.Path, "/v1/netpay/")
	answer := map[string]string{"errCode": "NO_ORDER"}
	switch number := fields["refundOrderId"]; {
	case !p.authentic(r, body, fields) || fields["mid"] != umsMID || fields["tid"] != umsTID || fields["instMid"] != "YUEDANDEFAULT":
		answer["errCode"] = "BAD_SIGN"
	case operation == "query", operation == "query/netpay-route-server/api/":
		answer = map[string]string{"errCode": "SUCCESS", "mid": umsMID, "merOrderId": fields["merOrderId"], "totalAmount": "1000", "status": "TRADE_SUCCESS", "targetOrderId": "4200" + fields["merOrderId"]}
	case operation == "refund", operation == "refund/netpay-route-server/api/":
		if p.refunds[number] == nil {
			p.moves[fields["merOrderId"]]++
			p.refunds[number] = map[string]string{"merOrderId": fields["merOrderId"], "amount": fields["refundAmount"], "target": fmt.Sprintf("5030%024d", len(p.refunds))}
		}
		answer = p.about(number, "PROCESSING")
		answer["refundAmount"] = p.refunds[number]["amount"]
	case p.refunds[fields["merOrderId"]] != nil:
		answer = p.about(fields["merOrderId"], "SUCCESS")
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (p *umsPlatform) about(number, status string) map[string]string {
	of := p.refunds[number]
	return map[string]string{
		"errCode": "SUCCESS", "mid": umsMID, "merOrderId": of["merOrderId"], "refundOrderId": number, "refundTargetOrderId": of["target"], "refundStatus": status, "totalAmount": "1000",
	}
}

// umsAccount gives the demo merchant an account at the platform.
func umsAccount(t *testing.T, s *Service, address, mode string) merchant.ChannelAccount {
	t.Helper()
	account, err := s.admin.AddAccount(t.Context(), admin.By{Actor: audit.Actor{Kind: "command", Name: "root"}}, merchant.DemoID, admin.NewAccount{
		Channel: chinaums.Name, Takes: []string{"wechat_qrcode"},
		Settings: map[string]string{
			"mode": mode, "app_id": umsAppID, "msg_src": umsSource, "msg_src_id": "10A7", "mid": umsMID, "tid": umsTID, "inst_mid": "YUEDANDEFAULT", "base_url": address,
		},
		Secrets: map[string]string{"app_key": umsAppKey, "communication_key": umsKey},
	})
	if err != nil {
		t.Fatal(err)
	}
	return account
}

// umsCharge registers a charge of the demo wallet's that the account takes.
func umsCharge(t *testing.T, s *Service, order string) refund.Charge {
	t.Helper()
	return made(t, s, fmt.Sprintf(`{"order_no": %q, "amount": 1000, "currency": "CNY", "channel": "wechat_qrcode", "transaction_id": %q,
		"identities": {"wallet": {"wallet_id": "wallet_demo", "charges_id": %q}}}`, order, "4200"+order, "ch_"+order))
}

// walletRefund asks for a refund as a client of the wallet does.
func walletRefund(t *testing.T, s *Service, order string, amount int) []byte {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/wallet/wallet_demo/refund", strings.NewReader(fmt.Sprintf(`{"charges_id":"ch_%s","client_ip":"127.0.0.1","amount":%d}`, order, amount)))
	r.TLS = &tls.ConnectionState{HandshakeComplete: true}
	r.Header.Set("X-API-KEY", "sk_test_ibbTe5jLGCi5rzfH4OqPW9KC")
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return w.Body.Bytes()
}

// A wallet's refund goes through an account at ChinaUMS, in either mode: its notice
// has the channel asked at once, the webhook follows, and extra shows in all nine
// members what was sent.
func TestAWalletRefundGoesThroughChinaUMS(t *testing.T) {
	for _, mode := range []string{"open", "legacy"} {
		t.Run(mode, func(t *testing.T) {
			platform := &umsPlatform{T: t, refunds: map[string]map[string]string{}, moves: map[string]int{}}
			server := httptest.NewServer(platform)
			t.Cleanup(server.Close)
			told := make(chan []byte, 8)
			sink := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				told <- body
				_, _ = io.WriteString(w, "success")
			}))
			t.Cleanup(sink.Close)
			s, address := listening(t, Options{Database: storetest.SQLite(t), Demo: true})
			account := umsAccount(t, s, server.URL, mode)
			checks, err := s.admin.CheckAccount(t.Context(), merchant.DemoID, account.ID)
			if err != nil || len(checks) != 4 || slices.ContainsFunc(checks, func(c channel.Check) bool { return c.Err != nil }) {
				t.Errorf("checked %+v, %v", checks, err)
			}
			if code, answer := call(t, s, http.MethodPost, "/refundry/v1/endpoints", `{"url": "`+sink.URL+`", "dialect": "wallet", "events": ["refund.succeeded"]}`); code != http.StatusCreated {
				t.Fatalf("%d %s", code, answer)
			}
			const order = "10A7202611290001"
			charge := umsCharge(t, s, order)
			if charge.ChannelAccount != account.ID {
				t.Fatalf("the charge is taken by %s", charge.ChannelAccount)
			}
			body := walletRefund(t, s, order, 300)
			if !strings.Contains(string(body), `"extra":{"msg_type":`) {
				t.Errorf("before it was sent: %s", body)
			}
			number := platform.await(order)
			notice := map[string]string{"mid": umsMID, "merOrderId": order, "refundOrderId": number, "refundAmount": "300", "status": "TRADE_REFUND", "notifyId": "n1", "k": "v"}
			form := url.Values{"sign": {umsSign(notice)}}
			for name, value := range notice {
				form.Set(name, value)
			}
			answer, err := http.PostForm(address+"/notify/chinaums/"+account.ID, form)
			if err != nil {
				t.Fatal(err)
			}
			said, _ := io.ReadAll(answer.Body)
			_ = answer.Body.Close()
			if string(said) != "SUCCESS" {
				t.Errorf("the notice was answered %d %s", answer.StatusCode, said)
			}
			platform.shown(<-told, order, number)
			if platform.moves[order] != 1 {
				t.Errorf("money moved %d times", platform.moves[order])
			}
			if found, err := Verify(t.Context(), s.Store); err != nil || len(found) != 0 {
				t.Errorf("verify finds %v, %v", found, err)
			}
		})
	}
}

// await is the number of an order's refund, once it is there.
func (p *umsPlatform) await(order string) string {
	p.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		p.mu.Lock()
		for number, of := range p.refunds {
			if of["merOrderId"] == order {
				p.mu.Unlock()
				return number
			}
		}
		p.mu.Unlock()
	}
	p.Fatal("no refund came")
	return ""
}

// shown fails unless a webhook's nine members are what the platform got.
func (p *umsPlatform) shown(webhook []byte, order, number string) {
	p.Helper()
	at := strings.Index(string(webhook), `"extra":{`)
	if at < 0 {
		p.Fatalf("no extra in %s", webhook)
	}
	var extra map[string]string
	if err := json.NewDecoder(strings.NewReader(string(webhook[at+len(`"extra":`):]))).Decode(&extra); err != nil {
		p.Fatal(err)
	}
	stamp, err := time.ParseInLocation(time.DateTime, extra["request_timestamp"], time.FixedZone("", 8*60*60))
	if err != nil || time.Since(stamp) > time.Hour {
		p.Errorf("sent at %q", extra["request_timestamp"])
	}
	want := map[string]string{
		"msg_type": "refund", "request_timestamp": extra["request_timestamp"], "msg_src": umsSource, "mid": umsMID, "tid": umsTID,
		"mer_order_id": order, "refund_order": number, "refund_amount": "300", "sign": "XXX",
	}
	if len(number) != 27 || !strings.HasPrefix(number, "10A720") {
		p.Errorf("the number %q", number)
	}
	for name, value := range want {
		if extra[name] != value {
			p.Errorf("%s is %q, want %q", name, extra[name], value)
		}
	}
	if len(extra) != len(want) {
		p.Errorf("extra has %v", extra)
	}
}

// Whatever becomes of a call, before or after the money moved, ChinaUMS moves it
// once and the shop finds out by asking alone, in the settling time of ten minutes.
func TestEachFaultOnTheWayToChinaUMSEndsInOneMovement(t *testing.T) {
	var clock hurriedClock
	platform := &umsPlatform{T: t, refunds: map[string]map[string]string{}, moves: map[string]int{}}
	line := &badLine{platform: platform, sends: func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/refund") }}
	server := httptest.NewServer(line)
	t.Cleanup(server.Close)
	s := start(t, Options{Database: storetest.SQLite(t), Demo: true, EgressAllow: ownMachine, Now: clock.now})
	umsAccount(t, s, server.URL, "open")
	n := 0
	for name, spoiled := range lossy("drop before", "drop after", "half", "202", "404", "429", "500") {
		t.Run(name, func(t *testing.T) {
			n++
			platform.T = t
			order := fmt.Sprintf("10A720261129%04d", n)
			charge, amount := umsCharge(t, s, order), money.Minor(100)
			line.spoil(spoiled[0], spoiled[1])
			result, err := s.intake.Accept(t.Context(), refund.Unit{
				MerchantID: merchant.DemoID, Requests: []refund.Request{{ChargeID: charge.ID, Amount: &amount}}, Members: []refund.Content{{}},
			}, 0)
			if err != nil {
				t.Fatal(err)
			}
			clock.hurry(t, s, merchant.DemoID, result.Refunds[0].ID, refund.Succeeded)
			if platform.moves[order] != 1 {
				t.Errorf("money moved %d times", platform.moves[order])
			}
			line.happened(t)
		})
	}
	platform.T = t
	if found, err := Verify(t.Context(), s.Store); err != nil || len(found) != 0 {
		t.Errorf("verify finds %v, %v", found, err)
	}
}
