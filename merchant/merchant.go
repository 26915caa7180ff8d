// Package merchant describes whoever's money it is: merchants, the identities
// by which dialects know them, API keys and their scopes, channel accounts,
// webhook endpoints, and settings.
package merchant

import (
	"slices"
	"time"

	"github.com/refundry/refundry/audit"
)

// Mode separates test from live. A business with both has two merchants that
// share nothing.
type Mode string

// The modes.
const (
	Test Mode = "test"
	Live Mode = "live"
)

// The names of the dialects that come with the program, as rows and addresses
// carry them. Nothing outside of a dialect's folder goes by them but tests (and
// what internal/tidy lists); see Dialect.
const (
	PingPP    = "pingpp"
	Wallet    = "wallet"
	WeChatPay = "wechatpay"
	Payin     = "payin"
	Native    = "native"
)

// Merchant is one merchant in one mode.
type Merchant struct {
	ID        string
	Name      string
	Mode      Mode
	Settings  Settings
	CreatedAt time.Time
	// DisabledAt is since when its keys and identities are not known; zero: they
	// are.
	DisabledAt time.Time
	// Unreadable says, in lists, that the row is damaged: of Settings nothing is known.
	Unreadable bool
}

// Disabled reports whether the merchant's keys and identities are not known.
func (m Merchant) Disabled() bool { return !m.DisabledAt.IsZero() }

// Settings are a merchant's own choices, stored as one JSON text. The zero
// value is the default of each.
type Settings struct {
	// WaitSeconds is, per dialect, how long a refund request waits for the
	// channel's word when it does not say (Prefer: wait=N); 0 to 20.
	WaitSeconds map[string]int `json:"wait_seconds,omitempty"`
	// RefundPageSize is the most refunds on one page of the Ping++ list; 0
	// means 20, at most 100.
	RefundPageSize int `json:"refund_page_size,omitempty"`
	// CheckSignatures says that Ping++ POST requests must be signed with the
	// merchant's key, whose public half (PKIX PEM) is RequestKey.
	CheckSignatures bool   `json:"check_signatures,omitempty"`
	RequestKey      string `json:"request_key,omitempty"`
	// UnsignedAnswers says that Ping++ answers bear no signature, for merchants
	// whose clients look at none: an RSA signature costs several times what the
	// rest of a request does. Webhooks are signed always.
	UnsignedAnswers bool `json:"unsigned_answers,omitempty"`
	// ChannelRules says that the published rules of the payment channels bind
	// this merchant's refunds in the sandbox too: the time in which a channel
	// takes them, full refunds only, WeChat Pay's count, spacing and rates.
	// Charges of a real channel's account are bound anyhow.
	ChannelRules bool `json:"channel_rules,omitempty"`
	// Limits of the merchant itself, besides the channels' rules.
	Limits Limits `json:"limits,omitzero"`
	// Demo marks the demo merchant, which alone /sandbox/reset renews.
	Demo bool `json:"demo,omitempty"`
}

// Limits bound refunds; 0 is none.
type Limits struct {
	// MostAmount of one refund, in minor units.
	MostAmount int64 `json:"most_amount,omitempty"`
	// MostRefunds of one charge.
	MostRefunds int64 `json:"most_refunds,omitempty"`
	// SpacingSeconds is the least time between two refunds of one charge.
	SpacingSeconds int64 `json:"spacing_seconds,omitempty"`
}

// Wait is the merchant's default wait in a dialect.
func (s Settings) Wait(dialect string) time.Duration {
	return time.Duration(s.WaitSeconds[dialect]) * time.Second
}

// Identity is a merchant as a dialect knows it: a Ping++ app, a wallet, an
// mchid, a Payin merchant. Unique per (dialect, name).
type Identity struct {
	Dialect    string
	Name       string
	Sub        string // WeChat's sub_mchid in partner mode
	MerchantID string
	// Public holds what is no secret, such as certificates and public keys.
	Public map[string]string
	// Secrets are sealed at rest: private keys, APIv3 key.
	Secrets map[string]string
	// PlatformKeys are the platform's for this identity, since the one that it
	// was made with was replaced; see Platform.
	PlatformKeys []PlatformKey
	CreatedAt    time.Time
	// Unreadable says, in lists, that the row is damaged: Public and Secrets are empty.
	Unreadable bool
}

// Scope is something an API key may do.
type Scope string

// The scopes of native keys. Other dialects' keys have Refund and Read.
const (
	ScopeCharge   Scope = "charges:write"
	ScopeRefund   Scope = "refunds:write"
	ScopeRead     Scope = "read"
	ScopeEndpoint Scope = "endpoints:write"
	ScopeSandbox  Scope = "sandbox:write"
	ScopeMerchant Scope = "merchants:write"
	// ScopeResolve lets a key say how a refund ended, with proof. No other scope
	// includes it, and a key has it only where it was asked for by name.
	ScopeResolve Scope = "refunds:resolve"
	// ScopeApprove lets a key or user approve what another asked for, and ScopePolicy
	// change the policies that demand it. Like ScopeResolve they are given by name
	// alone.
	ScopeApprove Scope = "refunds:approve"
	ScopePolicy  Scope = "policies:write"
	// ScopeUser lets a key manage users of the console, by name alone, too.
	ScopeUser Scope = "users:write"
)

// Scopes lists them all.
func Scopes() []Scope {
	return append(StandardScopes(), ScopeResolve, ScopeApprove, ScopePolicy, ScopeUser)
}

// StandardScopes are those that a native key has where it names none.
func StandardScopes() []Scope {
	return []Scope{ScopeCharge, ScopeRefund, ScopeRead, ScopeEndpoint, ScopeSandbox, ScopeMerchant}
}

// Key is an API key. What it looks like is not stored; Hint shows its ends.
type Key struct {
	ID         string
	Dialect    string
	Identity   string
	MerchantID string
	Scopes     []Scope
	Hint       string
	// Plain marks a key of the wallet dialect: "on" may send requests that are
	// not sealed, "off" may not, and "" is as its wallet has it.
	Plain string
	// Public and Secrets are what a key has of its own where its identity has
	// more than one: a Payin client's id, its settings, and its secret. Secrets
	// are sealed at rest; only a Caller's key has them.
	Public    map[string]string
	Secrets   map[string]string
	CreatedAt time.Time
	ExpiresAt time.Time // zero: never
	Limits    KeyLimits
	// MadeBy is who made the key, and who was behind them then; "" for one of before.
	MadeBy audit.Behind
	// Unreadable says, in lists, that the row is damaged: Public and Limits are empty,
	// which does not mean that there are none.
	Unreadable bool
}

// May reports whether the key has the scope.
func (k Key) May(scope Scope) bool { return slices.Contains(k.Scopes, scope) }

// Caller is who a request's key belongs to.
type Caller struct {
	Merchant Merchant
	Key      Key
}

// Endpoint is an address that is notified of events.
type Endpoint struct {
	ID         string
	MerchantID string
	Dialect    string
	Identity   string
	URL        string
	// Events are the types it subscribed to; empty is what its dialect promises.
	Events     []string
	CreatedAt  time.Time
	DisabledAt time.Time // zero: in use
}
