package wechatpay

// Values of a refund's status (W2.1a-13).
const (
	StatusSuccess    = "SUCCESS"
	StatusClosed     = "CLOSED"
	StatusProcessing = "PROCESSING"
	StatusAbnormal   = "ABNORMAL"
)

// Values of a refund's channel: the way that the money takes back.
const (
	ChannelOriginal      = "ORIGINAL"
	ChannelBalance       = "BALANCE"
	ChannelOtherBalance  = "OTHER_BALANCE"
	ChannelOtherBankCard = "OTHER_BANKCARD" // after an abnormal refund succeeded
)

// Values of funds_account. A request may have the first two only; From the
// second and third.
const (
	FundsUnsettled   = "UNSETTLED"
	FundsAvailable   = "AVAILABLE"
	FundsUnavailable = "UNAVAILABLE"
	FundsOperation   = "OPERATION"
	FundsBasic       = "BASIC"
	FundsECNYBasic   = "ECNY_BASIC"
)

// Values of user_received_account, besides that of a bank card, which
// BankCardAccount makes: the ten forms of the page, where the third has two
// words for the merchant's accounts.
const (
	AccountBalance          = "支付用户零钱"
	AccountMerchantBasic    = "商户基本账户"
	AccountMerchantBank     = "商户结算银行账户"
	AccountBalanceFund      = "支付用户零钱通"
	AccountBankElectronic   = "支付用户银行电子账户"
	AccountPocketMoney      = "支付用户零花钱"
	AccountUserBusiness     = "用户经营账户"
	AccountVisitorWallet    = "支付用户来华零钱包"
	AccountEnterpriseMember = "企业支付商户"
	AccountGoldJar          = "支付用户小金罐"
)

// BankCardAccount is user_received_account for a bank card: the bank's name,
// the card's kind and its last digits, as in 招商银行信用卡0403.
func BankCardAccount(bank, kind, tail string) string { return bank + kind + tail }

// Values of a coupon's scope and type. SDKs and older documents say COUPON for
// CASH and DISCOUNT for NOCASH; v2 says NO_CASH. We serve the page's.
const (
	ScopeGlobal = "GLOBAL" // of the order as a whole
	ScopeSingle = "SINGLE" // of one of its goods

	TypeCash   = "CASH"   // funded: settled to the merchant
	TypeNoCash = "NOCASH" // not funded
)

// NormalType returns CASH or NOCASH for any of the words that are in use, and an
// unknown word as it is.
func NormalType(word string) string {
	switch word {
	case TypeCash, "COUPON":
		return TypeCash
	case TypeNoCash, "DISCOUNT", "NO_CASH":
		return TypeNoCash
	}
	return word
}

// Values of an order's trade_state (W2.5-8).
const (
	TradeSuccess    = "SUCCESS"
	TradeRefund     = "REFUND" // any refund turns the order to it
	TradeNotPay     = "NOTPAY"
	TradeClosed     = "CLOSED"
	TradeRevoked    = "REVOKED"
	TradeUserPaying = "USERPAYING"
	TradePayError   = "PAYERROR"
)

// TradeStateDescription is trade_state_desc for a trade_state, "" for an
// unknown one.
func TradeStateDescription(state string) string {
	return map[string]string{
		TradeSuccess: "支付成功", TradeRefund: "转入退款", TradeNotPay: "订单未支付", TradeClosed: "订单已关闭",
		TradeRevoked: "订单已撤销", TradeUserPaying: "用户支付中", TradePayError: "支付失败",
	}[state]
}

// Values of an order's trade_type.
const (
	TradeJSAPI    = "JSAPI"
	TradeNative   = "NATIVE"
	TradeApp      = "APP"
	TradeMicropay = "MICROPAY"
	TradeMWeb     = "MWEB"
	TradeFacePay  = "FACEPAY"
)

// Values of an abnormal refund's type (W2.3-5).
const (
	AbnormalUserCard     = "USER_BANK_CARD"
	AbnormalMerchantCard = "MERCHANT_BANK_CARD"
)

// abnormalBanks are the banks to whose debit cards an abnormal refund may go,
// and their names, as user_received_account begins.
var abnormalBanks = map[string]string{
	"CMB_DEBIT": "招商银行", "COMM_DEBIT": "交通银行", "ABC_DEBIT": "农业银行", "CCB_DEBIT": "建设银行", "ICBC_DEBIT": "工商银行",
	"BOC_DEBIT": "中国银行", "PAB_DEBIT": "平安银行", "SPDB_DEBIT": "浦发银行", "CITIC_DEBIT": "中信银行", "CEB_DEBIT": "光大银行",
	"CMBC_DEBIT": "民生银行", "CIB_DEBIT": "兴业银行", "GDB_DEBIT": "广发银行", "PSBC_DEBIT": "邮储银行", "NBCB_DEBIT": "宁波银行",
}

// DebitCardAccount is user_received_account for a debit card of a bank_type
// that an abnormal refund may go to; "" for another.
func DebitCardAccount(bankType, tail string) string {
	bank := abnormalBanks[bankType]
	if bank == "" {
		return ""
	}
	return BankCardAccount(bank, "储蓄卡", tail)
}
