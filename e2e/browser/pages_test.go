package browser

import (
	"net/url"
	"strings"
)

// page is one that is walked. A new page of the console is a line in the table.
type page struct {
	name string
	// path is its address; find makes one that depends on data.
	path string
	find func(*world) string
	// sees are texts that a person must see, by language.
	sees map[string][]string
	// signedIn says that the page needs a user.
	signedIn bool
	// image is the README's picture of it, "" for none.
	image string
}

// address is where the page is in a language.
func (p page) address(w *world, language string) string {
	path := p.path
	if p.find != nil {
		path = p.find(w)
	}
	mark := "?"
	if strings.Contains(path, "?") {
		mark = "&"
	}
	return w.url + path + mark + "lang=" + url.QueryEscape(language)
}

// of is an address for the merchant with a past.
func of(path string) func(*world) string {
	return func(w *world) string { return path + "merchant=" + w.sample }
}

// both are texts in English and in Chinese.
func both(en, zh string) map[string][]string { return map[string][]string{"en": {en}, "zh": {zh}} }

// pages are walked in this order, those that need nobody signed in first.
var pages = []page{
	{name: "docs", path: "/docs/", sees: both("Documentation", "文档")},
	{name: "docs-page", path: "/docs/operations/install", sees: both("On this page", "本页内容")},
	{name: "docs-contract", path: "/docs/api/payin", sees: both("Refund part or all of an order", "Refund part or all of an order")},
	{name: "docs-missing", path: "/docs/nowhere", sees: both("There is no such page", "没有这个页面")},
	{name: "login", path: "/console/login", sees: both("Sign in", "登录")},
	{name: "overview", find: of("/console/?"), sees: both("Overview", "概览"), signedIn: true, image: "overview"},
	{name: "refunds", find: of("/console/refunds?"), sees: both("Refunds", "退款"), signedIn: true},
	{name: "refunds-found", path: "/console/refunds?q=B-pending", sees: both("B-pending", "B-pending"), signedIn: true},
	{name: "refund", find: func(w *world) string { return "/console/refunds/" + w.refund }, sees: both("sent back <b>unopened</b>", "sent back <b>unopened</b>"), signedIn: true, image: "refund"},
	{name: "refund-resolve", find: func(w *world) string { return "/console/refunds/" + w.abnormal + "/resolve" }, sees: both("Resolve with proof", "凭证人工处理"), signedIn: true},
	{name: "refund-reroute", find: func(w *world) string { return "/console/refunds/" + w.abnormal + "/reroute" }, sees: both("Reroute", "更改退款去向"), signedIn: true},
	{name: "charge", path: "/console/charges/M948164T2023072607034709567189", sees: both("Refund it", "发起退款"), signedIn: true, image: "charge"},
	{name: "queue-approvals", find: of("/console/queues/approvals?"), sees: both("Approvals", "审批"), signedIn: true},
	{name: "queue-abnormal", path: "/console/queues/abnormal", sees: both("Abnormal", "异常"), signedIn: true},
	{name: "queue-funds", path: "/console/queues/funds", sees: both("Short of funds", "余额不足"), signedIn: true},
	{name: "queue-unknown", path: "/console/queues/unknown", sees: both("Needs a person", "需人工核实"), signedIn: true},
	{name: "queue-deliveries", path: "/console/queues/deliveries", sees: both("Dead deliveries", "投递失败"), signedIn: true},
	{name: "queue-foreign", path: "/console/queues/foreign", sees: both("Foreign and excess", "渠道自行退款与超额"), signedIn: true},
	{name: "queue-deliveries-sample", find: of("/console/queues/deliveries?"), sees: both("Dead deliveries", "投递失败"), signedIn: true},
	{name: "policies", find: of("/console/policies?"), sees: both("Policies", "策略"), signedIn: true},
	{name: "policy", find: func(w *world) string { return "/console/policies/" + w.policy + "?merchant=mer_demo" }, sees: both("walked", "walked"), signedIn: true},
	{name: "user", find: func(w *world) string { return "/console/settings/users/" + w.user }, sees: both("walked@example.com", "walked@example.com"), signedIn: true},
	{name: "key", find: func(w *world) string { return "/console/settings/keys/" + w.key + "?merchant=mer_demo" }, sees: both("May do", "权限"), signedIn: true},
	{name: "endpoint", find: func(w *world) string { return "/console/settings/endpoints/" + w.endpoint + "?merchant=mer_demo" }, sees: both("https://shop.example/walked", "https://shop.example/walked"), signedIn: true},
	{name: "refund-correct", find: func(w *world) string { return "/console/refunds/" + w.refund + "/correct" }, sees: both("Ask for the correction", "提请更正"), signedIn: true},
	{name: "bulk", find: of("/console/bulk?"), sees: both("Files of refunds", "批量退款"), signedIn: true},
	{name: "merchants", path: "/console/settings/merchants", sees: both("Merchants", "商户"), signedIn: true},
	{name: "merchant", path: "/console/settings/merchants/mer_demo", sees: both("demo", "demo"), signedIn: true},
	{name: "accounts", find: of("/console/settings/accounts?"), sees: both("Channel accounts", "渠道账户"), signedIn: true},
	{name: "account", path: "/console/settings/accounts/sandbox_demo?merchant=mer_demo", sees: both("sandbox_demo", "sandbox_demo"), signedIn: true},
	{name: "bulk", path: "/console/bulk", sees: both("Upload a file", "上传文件"), signedIn: true},
	{name: "keys", path: "/console/settings/keys", sees: both("API keys", "API 密钥"), signedIn: true},
	{name: "endpoints", path: "/console/settings/endpoints", sees: both("Endpoints", "通知地址"), signedIn: true},
	{name: "audit", path: "/console/audit", sees: both("Audit log", "审计日志"), signedIn: true},
	{name: "users", path: "/console/settings/users", sees: both("demo@example.com", "second@example.com"), signedIn: true},
	{name: "profile", path: "/console/profile", sees: both("demo@example.com", "demo@example.com"), signedIn: true},
}
