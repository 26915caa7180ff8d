package console

import (
	"slices"

	"github.com/refundry/refundry/merchant"
)

// route is a page or an action.
type route struct {
	// pattern is as in http.ServeMux, with the method.
	pattern string
	// scope is what a user needs: of the merchant chosen, or of any where none is
	// chosen. "" is for everybody who is signed in.
	scope  merchant.Scope
	handle func(*page) error
	// everywhere says that the scope must be of all merchants.
	everywhere bool
	// maxBody bounds the body in bytes; 0 is maxForm.
	maxBody int64
}

// routes are the pages and actions of the console, in the order of its menu.
var routes = []route{
	{pattern: "GET /console/{$}", scope: merchant.ScopeRead, handle: (*page).overview},
	{pattern: "GET /console/overview.json", scope: merchant.ScopeRead, handle: (*page).overviewData},
	{pattern: "POST /console/alerts/{id}/ack", scope: merchant.ScopeMerchant, handle: (*page).ackAlert},
	{pattern: "GET /console/refunds", scope: merchant.ScopeRead, handle: (*page).refunds},
	{pattern: "GET /console/refunds.csv", scope: merchant.ScopeRead, handle: (*page).refundsFile},
	{pattern: "POST /console/views", scope: merchant.ScopeRead, handle: (*page).saveView},
	{pattern: "GET /console/refunds/{id}", scope: merchant.ScopeRead, handle: (*page).refund},
	{pattern: "GET /console/refunds/{id}/{action}", scope: merchant.ScopeRead, handle: (*page).refundConfirm},
	{pattern: "POST /console/refunds/{id}/{action}", scope: merchant.ScopeRead, handle: (*page).refundDo},
	{pattern: "GET /console/charges/{id}", scope: merchant.ScopeRead, handle: (*page).charge},
	{pattern: "POST /console/charges/{id}/quote", scope: merchant.ScopeRead, handle: (*page).chargeQuote},
	{pattern: "POST /console/charges/{id}/refund", scope: merchant.ScopeRead, handle: (*page).chargeRefund},
	{pattern: "GET /console/queues/approvals", scope: merchant.ScopeRead, handle: (*page).approvals},
	{pattern: "POST /console/queues/approvals/{id}/{act}", scope: merchant.ScopeRead, handle: (*page).decideApproval},
	{pattern: "GET /console/policies", scope: merchant.ScopeRead, handle: (*page).policies},
	{pattern: "POST /console/policies", scope: merchant.ScopePolicy, handle: (*page).addPolicy},
	{pattern: "GET /console/policies/{id}", scope: merchant.ScopeRead, handle: (*page).onePolicy},
	{pattern: "POST /console/policies/{id}", scope: merchant.ScopePolicy, handle: (*page).changePolicy},
	{pattern: "POST /console/policies/{id}/{act}", scope: merchant.ScopePolicy, handle: (*page).actOnPolicy},
	{pattern: "GET /console/queues/{queue}", scope: merchant.ScopeRead, handle: (*page).queue},
	{pattern: "POST /console/queues/{queue}", scope: merchant.ScopeRead, handle: (*page).queueDo},
	{pattern: "GET /console/bulk", scope: merchant.ScopeRead, handle: (*page).bulkList},
	{pattern: "POST /console/bulk", scope: merchant.ScopeRefund, handle: (*page).bulkUpload, maxBody: maxBulkForm},
	{pattern: "GET /console/bulk/{id}", scope: merchant.ScopeRead, handle: (*page).bulkJob},
	{pattern: "GET /console/bulk/{id}/result.csv", scope: merchant.ScopeRead, handle: (*page).bulkFile},
	{pattern: "POST /console/bulk/{id}/{act}", scope: merchant.ScopeRead, handle: (*page).bulkDo},
	{pattern: "POST /console/logout", handle: (*page).signOut},

	{pattern: "GET /console/settings/users", scope: merchant.ScopeUser, handle: (*page).users},
	{pattern: "POST /console/settings/users", scope: merchant.ScopeUser, handle: (*page).addUser},
	{pattern: "GET /console/settings/users/{id}", scope: merchant.ScopeUser, handle: (*page).oneUser},
	{pattern: "POST /console/settings/users/{id}/{act}", scope: merchant.ScopeUser, handle: (*page).changeUser},

	{pattern: "GET /console/profile", handle: (*page).profile},
	{pattern: "POST /console/profile", handle: (*page).saveProfile},
	{pattern: "POST /console/profile/password", handle: (*page).savePassword},
	{pattern: "POST /console/profile/sessions", handle: (*page).endOwnSessions},
	{pattern: "POST /console/profile/totp", handle: (*page).offerTOTP},
	{pattern: "POST /console/profile/totp/confirm", handle: (*page).confirmTOTP},
	{pattern: "POST /console/profile/totp/drop", handle: (*page).dropTOTP},
}

// settingsRoutes are the pages of settings and of the audit log; see routes.
var settingsRoutes = []route{
	{pattern: "GET /console/settings/merchants", scope: merchant.ScopeRead, handle: (*page).merchantList},
	{pattern: "POST /console/settings/merchants", scope: merchant.ScopeMerchant, everywhere: true, handle: (*page).addMerchant},
	{pattern: "GET /console/settings/merchants/{id}", scope: merchant.ScopeRead, handle: (*page).merchantOne},
	{pattern: "POST /console/settings/merchants/{id}/{act}", scope: merchant.ScopeMerchant, handle: (*page).merchantDo},
	{pattern: "POST /console/settings/pauses/{act}", scope: merchant.ScopeMerchant, everywhere: true, handle: (*page).pauseEverything},
	{pattern: "GET /console/settings/accounts", scope: merchant.ScopeRead, handle: (*page).accounts},
	{pattern: "POST /console/settings/accounts", scope: merchant.ScopeMerchant, handle: (*page).addAccount},
	{pattern: "GET /console/settings/accounts/{id}", scope: merchant.ScopeRead, handle: (*page).account},
	{pattern: "POST /console/settings/accounts/{id}/{act}", scope: merchant.ScopeMerchant, handle: (*page).accountDo},
	{pattern: "GET /console/settings/endpoints", scope: merchant.ScopeRead, handle: (*page).endpoints},
	{pattern: "POST /console/settings/endpoints", scope: merchant.ScopeEndpoint, handle: (*page).addEndpoint},
	{pattern: "GET /console/settings/endpoints/{id}", scope: merchant.ScopeRead, handle: (*page).endpoint},
	{pattern: "POST /console/settings/endpoints/{id}/{act}", scope: merchant.ScopeEndpoint, handle: (*page).endpointDo},
	{pattern: "GET /console/settings/keys", scope: merchant.ScopeMerchant, handle: (*page).keys},
	{pattern: "POST /console/settings/keys", scope: merchant.ScopeMerchant, handle: (*page).addKey},
	{pattern: "GET /console/settings/keys/{id}", scope: merchant.ScopeMerchant, handle: (*page).key},
	{pattern: "POST /console/settings/keys/{id}", scope: merchant.ScopeMerchant, handle: (*page).changeKey},
	{pattern: "POST /console/settings/keys/{id}/end", scope: merchant.ScopeMerchant, handle: (*page).endKey},
	{pattern: "GET /console/audit", scope: merchant.ScopeMerchant, handle: (*page).audits},
	{pattern: "GET /console/audit.csv", scope: merchant.ScopeMerchant, handle: (*page).auditCSV},
	{pattern: "GET /console/audit.ndjson", scope: merchant.ScopeMerchant, handle: (*page).auditLines},
}

// allRoutes are all for somebody who is signed in; the role matrix walks them.
func allRoutes() []route { return slices.Concat(routes, settingsRoutes) }

// publicRoutes need nobody signed in.
var publicRoutes = []route{
	{pattern: "GET /console/login", handle: (*page).login},
	{pattern: "POST /console/login", handle: (*page).signIn},
	{pattern: "POST /console/login/code", handle: (*page).signInCode},
	{pattern: "GET /console/login/oidc", handle: (*page).signInByProvider},
	{pattern: "GET /console/login/oidc/callback", handle: (*page).providerCallback},
}

// menuEntry is a link of the menu.
type menuEntry struct {
	// key is its text in the catalogue.
	key, path string
	// under are the paths of which it is shown as the current one.
	under string
	scope merchant.Scope
}

// menu is the navigation, in its order. A link is shown to who has its scope of
// any merchant.
var menu = []menuEntry{
	{"menu.overview", "/console/", "", merchant.ScopeRead},
	{"menu.refunds", "/console/refunds", "/console/refunds", merchant.ScopeRead},
	{"menu.queues", "/console/queues/approvals", "/console/queues/", merchant.ScopeRead},
	{"menu.policies", "/console/policies", "/console/policies", merchant.ScopeRead},
	{"menu.bulk", "/console/bulk", "/console/bulk", merchant.ScopeRead},
	{"menu.settings", "/console/settings/merchants", "/console/settings/", merchant.ScopeRead},
	{"menu.audit", "/console/audit", "/console/audit", merchant.ScopeMerchant},
}

// settingsMenu are the tabs of the settings' pages ({{template "settings_tabs" .}}),
// shown like menu.
var settingsMenu = []menuEntry{
	{"settings.merchants", "/console/settings/merchants", "/console/settings/merchants", merchant.ScopeRead},
	{"settings.keys", "/console/settings/keys", "/console/settings/keys", merchant.ScopeMerchant},
	{"settings.accounts", "/console/settings/accounts", "/console/settings/accounts", merchant.ScopeRead},
	{"settings.endpoints", "/console/settings/endpoints", "/console/settings/endpoints", merchant.ScopeRead},
	{"settings.users", "/console/settings/users", "/console/settings/users", merchant.ScopeUser},
}
