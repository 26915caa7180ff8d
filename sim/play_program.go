package sim

import (
	"context"
	"fmt"
	"net/http"
)

// Keys of the demo merchant, which are public.
const (
	nativeKey = "rk_test_demo"
	demoKey   = "sk_test_ibbTe5jLGCi5rzfH4OqPW9KC"
	walletID  = "wallet_demo"
)

// registered is a charge as the native API shows it.
type registered struct {
	ID         string `json:"id"`
	Identities struct {
		PingPP struct {
			Charge string `json:"charge"`
		} `json:"pingpp"`
		Wallet struct {
			ChargesID string `json:"charges_id"`
		} `json:"wallet"`
	} `json:"identities"`
}

// program is a merchant's, which speaks one API.
type program struct {
	name string
	// read is what the program calls a charge.
	read func(registered) string
	// ask asks for a refund of the charge of that name.
	ask func(ctx context.Context, charge string, a *asked) *http.Request
}

// programs are those of the play's merchant.
var programs = []program{
	{"native", func(c registered) string { return c.ID }, func(ctx context.Context, charge string, a *asked) *http.Request {
		return newRequest(ctx, http.MethodPost, "/refundry/v1/refunds", fmt.Sprintf(`{"charge":%q,"amount":%d,"number":%q}`, charge, a.amount, a.number), "Bearer "+nativeKey)
	}},
	{"Ping++", func(c registered) string { return c.Identities.PingPP.Charge }, func(ctx context.Context, charge string, a *asked) *http.Request {
		return newRequest(ctx, http.MethodPost, "/v1/charges/"+charge+"/refunds", fmt.Sprintf(`{"amount":%d,"description":"d"}`, a.amount), "Bearer "+demoKey)
	}},
	{"wallet", func(c registered) string { return c.Identities.Wallet.ChargesID }, func(ctx context.Context, charge string, a *asked) *http.Request {
		r := newRequest(ctx, http.MethodPost, "/wallet/"+walletID+"/refund", fmt.Sprintf(`{"charges_id":%q,"client_ip":"127.0.0.1","amount":%d}`, charge, a.amount), "")
		r.Header.Set("X-Api-Key", demoKey)
		return r
	}},
}
