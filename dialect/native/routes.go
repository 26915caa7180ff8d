package native

import (
	"context"
	"net/http"
	"strings"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
)

// Addresses of the API.
const (
	prefix  = "/refundry" // everything below it is answered here
	version = prefix + "/v1"
)

// handler answers one call, or gives the error that is answered as a problem.
type handler func(*call) error

// route is one method of one address. Without a scope it needs no key.
type route struct {
	dialect.Route
	scope merchant.Scope
	// testOnly calls are forbidden in live mode.
	testOnly bool
	handle   handler
	// again answers a repeat of a write with an Idempotency-Key; see once. The
	// calls without one read, or look after the key themselves.
	again func(*call, refund.Write) error
	// content is what of the body a repeat must share; nil is all of it. A body with
	// secrets has one: a plain hash of a secret can be tried out.
	content func(*call, exactjson.Value) exactjson.Value
}

// routes lists every call, in the order of openapi/native.yaml.
func (d *Dialect) routes() []route { return append(d.refundRoutes(), d.merchantRoutes()...) }

// refundRoutes are those about charges and refunds, what was told of them, and what
// waits for a person.
func (d *Dialect) refundRoutes() []route {
	return []route{
		{Route: dialect.Get(version + "/openapi.yaml"), handle: d.contract},

		{Route: dialect.Post(version + "/charges"), scope: merchant.ScopeCharge, handle: d.createCharge, again: d.againCharge},
		{Route: dialect.Get(version + "/charges"), scope: merchant.ScopeRead, handle: d.listCharges},
		{Route: dialect.Post(version + "/charges/batch"), scope: merchant.ScopeCharge, handle: d.createCharges},
		{Route: dialect.Get(version + "/charges.csv"), scope: merchant.ScopeRead, handle: d.chargeFile},
		{Route: dialect.Get(version + "/charges/{id}"), scope: merchant.ScopeRead, handle: d.getCharge},
		{Route: dialect.Post(version + "/charges/{id}/mask"), scope: merchant.ScopeMerchant, handle: d.maskCharge, again: d.againMask},
		{Route: dialect.Post(version + "/customers/mask"), scope: merchant.ScopeMerchant, handle: d.maskCustomer, again: d.againMask},

		{Route: dialect.Post(version + "/refunds"), scope: merchant.ScopeRefund, handle: d.createRefund},
		{Route: dialect.Get(version + "/refunds"), scope: merchant.ScopeRead, handle: d.listRefunds},
		{Route: dialect.Get(version + "/refunds.csv"), scope: merchant.ScopeRead, handle: d.refundFile},
		{Route: dialect.Get(version + "/refunds/{id}"), scope: merchant.ScopeRead, handle: d.getRefund},
		{Route: dialect.Get(version + "/refunds/{id}/trace"), scope: merchant.ScopeRead, handle: d.traceRefund},
		{Route: dialect.Post(version + "/refunds/{id}/cancel"), scope: merchant.ScopeRefund, handle: d.cancelRefund, again: d.againCanceled},
		{Route: dialect.Post(version + "/refunds/{id}/retry"), scope: merchant.ScopeRefund, handle: d.retryRefund, again: d.againRefund},
		{Route: dialect.Post(version + "/refunds/{id}/ask"), scope: merchant.ScopeRefund, handle: d.askRefund, again: d.againRefund},
		{Route: dialect.Post(version + "/refunds/{id}/reroute"), scope: merchant.ScopeRefund, handle: d.rerouteRefund, again: d.againRefund, content: withoutCard},
		{Route: dialect.Post(version + "/refunds/{id}/replay"), scope: merchant.ScopeRefund, handle: d.replayRefund, again: d.againReplays},
		{Route: dialect.Post(version + "/refunds/{id}/resolve"), scope: merchant.ScopeResolve, handle: d.resolveRefund, again: d.againRefund},
		{Route: dialect.Post(version + "/refunds/{id}/settle"), scope: merchant.ScopeResolve, handle: d.resolveRefund, again: d.againRefund},
		{Route: dialect.Post(version + "/bulk"), scope: merchant.ScopeRefund, handle: d.uploadBulk},
		{Route: dialect.Get(version + "/bulk"), scope: merchant.ScopeRead, handle: d.listBulk},
		{Route: dialect.Get(version + "/bulk/{id}"), scope: merchant.ScopeRead, handle: d.getBulk},
		{Route: dialect.Get(version + "/bulk/{id}/lines"), scope: merchant.ScopeRead, handle: d.listBulkLines},
		{Route: dialect.Get(version + "/bulk/{id}/result.csv"), scope: merchant.ScopeRead, handle: d.bulkResult},
		{Route: dialect.Post(version + "/bulk/{id}/start"), scope: merchant.ScopeApprove, handle: d.startBulk, again: d.againBulk},
		{Route: dialect.Post(version + "/bulk/{id}/pause"), scope: merchant.ScopeRefund, handle: d.pauseBulk, again: d.againBulk},
		{Route: dialect.Post(version + "/bulk/{id}/resume"), scope: merchant.ScopeApprove, handle: d.resumeBulk, again: d.againBulk},
		{Route: dialect.Post(version + "/bulk/{id}/stop"), scope: merchant.ScopeRefund, handle: d.stopBulk, again: d.againBulk},
		{Route: dialect.Post(version + "/refunds/{id}/correct"), scope: merchant.ScopeResolve, handle: d.correctRefund, again: d.againApproval},
		{Route: dialect.Post(version + "/refunds/{id}/approve"), scope: merchant.ScopeApprove, handle: d.approveRefund, again: d.againRefund},
		{Route: dialect.Post(version + "/refunds/{id}/refuse"), scope: merchant.ScopeApprove, handle: d.refuseRefund, again: d.againRefund},
		{Route: dialect.Get(version + "/approvals"), scope: merchant.ScopeRead, handle: d.listApprovals},
		{Route: dialect.Get(version + "/policies"), scope: merchant.ScopeRead, handle: d.listPolicies},
		{Route: dialect.Post(version + "/policies"), scope: merchant.ScopePolicy, handle: d.createPolicy, again: d.againPolicy},
		{Route: dialect.Get(version + "/policies/{id}"), scope: merchant.ScopeRead, handle: d.getPolicy},
		{Route: dialect.Route{Method: "PATCH", Path: version + "/policies/{id}"}, scope: merchant.ScopePolicy, handle: d.changePolicy, again: d.againPolicy},
		{Route: dialect.Route{Method: "DELETE", Path: version + "/policies/{id}"}, scope: merchant.ScopePolicy, handle: d.deletePolicy, again: d.againDeletedPolicy},
		{Route: dialect.Post(version + "/policies/{id}/dry-run"), scope: merchant.ScopeRead, handle: d.dryRunPolicy},
		{Route: dialect.Post(version + "/quotes"), scope: merchant.ScopeRead, handle: d.createQuote},

		{Route: dialect.Post(version + "/endpoints"), scope: merchant.ScopeEndpoint, handle: d.createEndpoint, again: d.againEndpoint},
		{Route: dialect.Get(version + "/endpoints"), scope: merchant.ScopeRead, handle: d.listEndpoints},
		{Route: dialect.Get(version + "/endpoints/{id}"), scope: merchant.ScopeRead, handle: d.getEndpoint},
		{Route: dialect.Route{Method: "DELETE", Path: version + "/endpoints/{id}"}, scope: merchant.ScopeEndpoint, handle: d.deleteEndpoint, again: d.againEndpoint},
		{Route: dialect.Post(version + "/endpoints/{id}/rotate"), scope: merchant.ScopeEndpoint, handle: d.rotateEndpoint, again: d.againEndpoint},
		{Route: dialect.Post(version + "/endpoints/{id}/test"), scope: merchant.ScopeEndpoint, handle: d.testEndpoint},
		{Route: dialect.Get(version + "/deliveries"), scope: merchant.ScopeRead, handle: d.listDeliveries},
		{Route: dialect.Post(version + "/deliveries/{id}/replay"), scope: merchant.ScopeEndpoint, handle: d.replayDelivery, again: d.againDelivery},
		{Route: dialect.Post(version + "/deliveries/replay"), scope: merchant.ScopeRefund, handle: d.replayDeliveries, again: d.againReplays},
		{Route: dialect.Get(version + "/events"), scope: merchant.ScopeRead, handle: d.feed},
		{Route: dialect.Get(version + "/events/{id}"), scope: merchant.ScopeRead, handle: d.getEvent},

		{Route: dialect.Get(version + "/queues"), scope: merchant.ScopeRead, handle: d.countQueues},
		{Route: dialect.Get(version + "/queues/{queue}"), scope: merchant.ScopeRead, handle: d.readQueue},
	}
}

// merchantRoutes are those about the merchant itself, and the sandbox's.
func (d *Dialect) merchantRoutes() []route {
	return []route{
		{Route: dialect.Get(version + "/merchant"), scope: merchant.ScopeRead, handle: d.getMerchant},
		{Route: dialect.Post(version + "/merchant/pause"), scope: merchant.ScopeMerchant, handle: d.pauseMerchant, again: d.againPauses},
		{Route: dialect.Post(version + "/merchant/resume"), scope: merchant.ScopeMerchant, handle: d.resumeMerchant, again: d.againPauses},
		{Route: dialect.Route{Method: "PATCH", Path: version + "/merchant/settings"}, scope: merchant.ScopeMerchant, handle: d.changeSettings, again: d.againSettings},
		{Route: dialect.Get(version + "/dialects"), scope: merchant.ScopeRead, handle: d.listDialects},
		{Route: dialect.Post(version + "/identities"), scope: merchant.ScopeMerchant, handle: d.createIdentity, again: d.againIdentityMade, content: withSecretsKeyed},
		{Route: dialect.Route{Method: "PATCH", Path: version + "/identities/{dialect}/{name}"}, scope: merchant.ScopeMerchant, handle: d.changeIdentity, again: d.againIdentity, content: withSecretsKeyed},
		{Route: dialect.Get(version + "/channels"), scope: merchant.ScopeRead, handle: d.listChannels},
		{Route: dialect.Get(version + "/accounts"), scope: merchant.ScopeRead, handle: d.listAccounts},
		{Route: dialect.Post(version + "/accounts"), scope: merchant.ScopeMerchant, handle: d.createAccount, again: d.againAccount, content: withSecretsKeyed},
		{Route: dialect.Get(version + "/accounts/{id}"), scope: merchant.ScopeRead, handle: d.getAccount},
		{Route: dialect.Route{Method: "PATCH", Path: version + "/accounts/{id}"}, scope: merchant.ScopeMerchant, handle: d.changeAccount, again: d.againAccount, content: withSecretsKeyed},
		{Route: dialect.Post(version + "/accounts/{id}/check"), scope: merchant.ScopeMerchant, handle: d.checkAccount},
		{Route: dialect.Post(version + "/accounts/{id}/reconcile"), scope: merchant.ScopeMerchant, handle: d.reconcileAccount},
		{Route: dialect.Post(version + "/accounts/{id}/rotate"), scope: merchant.ScopeMerchant, handle: d.rotateAccount, again: d.againAccount, content: withSecretsKeyed},
		{Route: dialect.Post(version + "/accounts/{id}/pause"), scope: merchant.ScopeMerchant, handle: d.pauseAccount, again: d.againAccount},
		{Route: dialect.Post(version + "/accounts/{id}/resume"), scope: merchant.ScopeMerchant, handle: d.resumeAccount, again: d.againAccount},
		{Route: dialect.Post(version + "/accounts/{id}/retry"), scope: merchant.ScopeRefund, handle: d.retryAccount, again: d.againRetried},
		{Route: dialect.Post(version + "/accounts/{id}/close"), scope: merchant.ScopeMerchant, handle: d.closeAccount, again: d.againAccount},
		{Route: dialect.Get(version + "/keys"), scope: merchant.ScopeMerchant, handle: d.listKeys},
		{Route: dialect.Post(version + "/keys"), scope: merchant.ScopeMerchant, handle: d.createKey, again: d.againKey},
		{Route: dialect.Route{Method: "PATCH", Path: version + "/keys/{id}"}, scope: merchant.ScopeMerchant, handle: d.changeKey, again: d.againKey},
		{Route: dialect.Route{Method: "DELETE", Path: version + "/keys/{id}"}, scope: merchant.ScopeMerchant, handle: d.deleteKey, again: d.againKey},
		{Route: dialect.Get(version + "/overview"), scope: merchant.ScopeRead, handle: d.getOverview},
		{Route: dialect.Get(version + "/users"), scope: merchant.ScopeUser, handle: d.listUsers},
		{Route: dialect.Post(version + "/users"), scope: merchant.ScopeUser, handle: d.createUser, again: d.againUserMade, content: withoutPassword},
		{Route: dialect.Get(version + "/users/{id}"), scope: merchant.ScopeUser, handle: d.getUser},
		{Route: dialect.Route{Method: "PATCH", Path: version + "/users/{id}"}, scope: merchant.ScopeUser, handle: d.changeUser, again: d.againUserMade},
		{Route: dialect.Route{Method: "DELETE", Path: version + "/users/{id}"}, scope: merchant.ScopeUser, handle: d.deleteUser, again: d.againUserRemoved},
		{Route: dialect.Post(version + "/users/{id}/password"), scope: merchant.ScopeUser, handle: d.resetPassword, again: d.againUserMade},
		{Route: dialect.Post(version + "/users/{id}/disable"), scope: merchant.ScopeUser, handle: d.userAct(d.disableUser), again: d.againUserMade},
		{Route: dialect.Post(version + "/users/{id}/enable"), scope: merchant.ScopeUser, handle: d.userAct(d.enableUser), again: d.againUserMade},
		{Route: dialect.Post(version + "/users/{id}/sign_out"), scope: merchant.ScopeUser, handle: d.userAct(d.signOutUser), again: d.againUserMade},
		{Route: dialect.Post(version + "/users/{id}/reset_totp"), scope: merchant.ScopeUser, handle: d.userAct(d.resetUserTOTP), again: d.againUserMade},
		{Route: dialect.Get(version + "/users/{id}/views"), scope: merchant.ScopeUser, handle: d.listViews},
		{Route: dialect.Post(version + "/users/{id}/views"), scope: merchant.ScopeUser, handle: d.saveView, again: d.againViewSaved},
		{Route: dialect.Route{Method: "DELETE", Path: version + "/users/{id}/views/{name}"}, scope: merchant.ScopeUser, handle: d.dropView, again: d.againViewDropped},
		{Route: dialect.Get(version + "/balances"), scope: merchant.ScopeRead, handle: d.listBalances},
		{Route: dialect.Get(version + "/alerts"), scope: merchant.ScopeRead, handle: d.listAlerts},
		{Route: dialect.Post(version + "/alerts/{id}/ack"), scope: merchant.ScopeMerchant, handle: d.ackAlert, again: d.againAlert},
		{Route: dialect.Get(version + "/notices"), scope: merchant.ScopeRead, handle: d.listNotices},
		{Route: dialect.Get(version + "/notices/{id}"), scope: merchant.ScopeRead, handle: d.getNotice},
		{Route: dialect.Post(version + "/notices/{id}/retry"), scope: merchant.ScopeMerchant, handle: d.retryNotice, again: d.againNotice},
		{Route: dialect.Get(version + "/audit"), scope: merchant.ScopeMerchant, handle: d.listAudit},
		{Route: dialect.Get(version + "/audit.csv"), scope: merchant.ScopeMerchant, handle: d.auditFile(audit.CSV, "text/csv; charset=utf-8; header=present")},
		{Route: dialect.Get(version + "/audit.ndjson"), scope: merchant.ScopeMerchant, handle: d.auditFile(audit.NDJSON, "application/x-ndjson")},

		{Route: dialect.Get(version + "/payin/reconciliation/{merchant_id}/{file}"), scope: merchant.ScopeRead, handle: d.reconciliation},

		{Route: dialect.Post(version + "/sandbox/funds"), scope: merchant.ScopeSandbox, testOnly: true, handle: d.addFunds, again: d.againFunds},
		{Route: dialect.Post(version + "/sandbox/refunds/{id}/settle"), scope: merchant.ScopeSandbox, testOnly: true, handle: d.settle, again: d.againRefund},
		{Route: dialect.Post(version + "/sandbox/refunds/{id}/reroute"), scope: merchant.ScopeSandbox, testOnly: true, handle: d.reroute, again: d.againRefund},
		{Route: dialect.Post(version + "/sandbox/clock"), scope: merchant.ScopeSandbox, testOnly: true, handle: d.advance, again: d.againAdvanced},
		{Route: dialect.Post(version + "/sandbox/reset"), scope: merchant.ScopeSandbox, testOnly: true, handle: d.reset, again: d.againReset},
	}
}

// Register adds the API's routes. Whatever is under /refundry and not served is
// answered as a problem, too.
func (d *Dialect) Register(mux *http.ServeMux) {
	api := dialect.API[*call, route]{
		Dialect: d.Name(), Roots: []string{prefix}, Routes: d.routes(), NoEmpty: true, Missing: missing,
		CallerHeaders: []string{"Authorization"},
		RequestPrefix: "iar_",
		Open:          d.open, Admit: d.admit, Handle: d.handle, Fail: (*call).fail,
		Now: d.now, Log: d.s.Log,
	}
	api.Register(mux)
}

func missing(_ string, allowed []string) *refund.Error {
	if allowed == nil {
		return refund.Errorf(refund.KindNotFound, "", "nothing is served at this address; see %s/openapi.yaml", version)
	}
	return refund.Errorf(refund.KindMethodNotAllowed, "", "this address takes %s", strings.Join(allowed, " and "))
}

func (d *Dialect) open(x *dialect.Exchange) *call {
	x.W.Header().Set("Request-Id", x.RequestID)
	x.W.Header().Set("Cache-Control", "no-store")
	return &call{d: d, x: x, w: x.W, r: x.R, ctx: x.R.Context(), requestID: x.RequestID}
}

// admit asks who calls and whether they may.
func (d *Dialect) admit(c *call, found route) error {
	if found.scope == "" {
		return nil
	}
	if err := c.authenticate(); err != nil {
		return err
	}
	switch {
	case !c.caller.Key.May(found.scope):
		return refund.Errorf(refund.KindForbidden, "", "the key lacks the scope %s", found.scope)
	case found.testOnly && c.caller.Merchant.Mode != merchant.Test:
		return refund.Errorf(refund.KindForbidden, "", "the sandbox is there in test mode only")
	}
	return nil
}

func (d *Dialect) handle(c *call, found route) error {
	if found.again != nil {
		return d.once(c, found)
	}
	return found.handle(c)
}

// call is one request being answered.
type call struct {
	d         *Dialect
	x         *dialect.Exchange
	w         http.ResponseWriter
	r         *http.Request
	ctx       context.Context
	requestID string
	caller    merchant.Caller
	read      []byte // the body, if it was read before
	hold      bool   // what is written is held, and sent later
	held      *reply
	keyed     *refund.Write // the write with the request's Idempotency-Key; nil without
}

// authenticate finds the caller by the bearer key.
func (c *call) authenticate() error {
	if key := c.bearer(); key != "" && len(key) <= maxKeyBytes {
		var err error
		c.caller, err = c.d.s.Directory.Caller(c.ctx, merchant.Native, key)
		return err
	}
	return refund.Errorf(refund.KindUnauthenticated, "Authorization", "send Authorization: Bearer and a native API key")
}

// bearer is the key that the call has; "" for none.
func (c *call) bearer() string {
	scheme, key, _ := strings.Cut(c.r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(key)
}

// maxKeyBytes is far above any key of ours; a longer text needs no look-up.
const maxKeyBytes = 256

// by is who acts: the caller's key.
func (c *call) by() admin.By {
	return admin.By{
		Actor: audit.ByKey(c.caller.Key.ID), RequestID: c.requestID, Write: c.keyed, MayApprove: c.caller.Key.May(merchant.ScopeApprove),
	}
}

// merchantID is the caller's.
func (c *call) merchantID() string { return c.caller.Merchant.ID }
