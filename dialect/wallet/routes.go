package wallet

import (
	"net/http"
	"slices"
	"strings"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	wire "github.com/refundry/refundry/wire/wallet"
)

// route is one call of the API. handle gives the object to answer with, or an
// error for the table of errors.go.
type route struct {
	dialect.Route
	scope  merchant.Scope
	handle func(*Dialect, *call) (any, error)
}

// routes lists what is served.
var routes = []route{
	{dialect.Post("/wallet/{wallet}/refund"), merchant.ScopeRefund, (*Dialect).createRefund},
	{dialect.Get("/wallet/{wallet}"), merchant.ScopeRead, (*Dialect).getWallet},
	{dialect.Get("/wallet/{wallet}/obj/{id}"), merchant.ScopeRead, (*Dialect).getObject},
	{dialect.Post("/wallet/{wallet}/charges"), merchant.ScopeCharge, (*Dialect).createChargeOnce},
	{dialect.Get("/wallet/{wallet}/charges/list"), merchant.ScopeRead, (*Dialect).listCharges},
	{dialect.Get("/wallet/{wallet}/charges/{charge}/refunds"), merchant.ScopeRead, (*Dialect).listRefunds},

	{dialect.Post("/charges/{charge}/refunds"), merchant.ScopeRefund, (*Dialect).createOldRefund},
	{dialect.Get("/charges/{charge}/refunds"), merchant.ScopeRead, (*Dialect).listOldRefunds},
	{dialect.Get("/charges/{charge}/refunds/{refund}"), merchant.ScopeRead, (*Dialect).getOldRefund},
}

// Register adds everything under /wallet, /charges and /api/v1.
func (d *Dialect) Register(mux *http.ServeMux) {
	api := dialect.API[*call, route]{
		Dialect: d.Name(), Roots: []string{walletRoot, "/charges", wire.PathPrefix}, Routes: routes, Path: lookedUp,
		CallerHeaders: []string{wire.HeaderKey},
		RequestPrefix: "iar_",
		Open:          open, Before: d.before, Admit: d.admit, Handle: d.handle, Fail: d.fail,
		Now: d.Now, Log: d.Log,
	}
	api.Register(mux)
}

// lookedUp is a path without /api/v1. Slashes around it are tolerated.
func lookedUp(escaped string) string {
	if rest, ok := strings.CutPrefix(escaped, wire.PathPrefix+"/"); ok {
		escaped = "/" + rest
	}
	return "/" + strings.Trim(escaped, "/")
}

// walletRoot begins the paths that name a wallet.
const walletRoot = "/wallet"

// belowWallet are segments that follow a wallet's name. One in its place means
// that the name was empty: proxies and clients fold the two slashes into one.
var belowWallet = []string{"refund", "obj", "charges"}

// lacksWallet reports whether the path has no wallet where one should stand.
func lacksWallet(r *http.Request) bool {
	below, ok := strings.CutPrefix(lookedUp(r.URL.EscapedPath()), walletRoot+"/")
	if !ok {
		return false
	}
	name, _, more := strings.Cut(below, "/")
	return name == "" || slices.Contains(belowWallet, name) && (more || r.Method == http.MethodPost)
}
