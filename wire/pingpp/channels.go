package pingpp

// Refund windows of the two families that have one of their own, in months.
const (
	alipayMonths = 3
	wechatMonths = 12
)

// Rules for order_no that several channels share (P3.2-2). Where a rule names
// one channel of a family (bfb, qpay), its siblings are given it too.
var (
	alipayOrder   = OrderNoRule{Min: 1, Max: 64, Alphanumeric: true}
	unionpayOrder = OrderNoRule{Min: 8, Max: 40, Alphanumeric: true}
	isvOrder      = OrderNoRule{Min: 8, Max: 32}
	upTo20        = OrderNoRule{Min: 1, Max: 20}
	upTo30        = OrderNoRule{Min: 1, Max: 30}
	upTo32        = OrderNoRule{Min: 1, Max: 32}
	upTo50        = OrderNoRule{Min: 1, Max: 50}

	unionpaySubject = TextLimit{Bytes, 32}
)

// IsUnionPay reports whether the channel is one of UnionPay's, which have other
// limits of texts and times (P2.2-7 and P2.2-9).
func IsUnionPay(channel string) bool {
	return peculiarities[channel].OrderNo == unionpayOrder
}

// peculiarities has a row for each documented channel; what a row leaves out is
// ordinary, and ChannelNamed fills it in. Windows of the cross-border channels
// follow their families, which the documents do not say outright.
var peculiarities = map[string]Channel{
	"alipay":              {RefundWindowMonths: alipayMonths, OrderNo: alipayOrder},
	"alipay_wap":          {RefundWindowMonths: alipayMonths, OrderNo: alipayOrder},
	"alipay_pc_direct":    {RefundWindowMonths: alipayMonths, OrderNo: alipayOrder},
	"alipay_qr":           {RefundWindowMonths: alipayMonths, OrderNo: alipayOrder},
	"alipay_scan":         {RefundWindowMonths: alipayMonths, OrderNo: alipayOrder},
	"alipay_lite":         {RefundWindowMonths: alipayMonths, OrderNo: alipayOrder},
	"cb_alipay":           {RefundWindowMonths: alipayMonths, OrderNo: alipayOrder, SplitFundInfo: true},
	"cb_alipay_wap":       {RefundWindowMonths: alipayMonths, OrderNo: alipayOrder, SplitFundInfo: true},
	"cb_alipay_pc_direct": {RefundWindowMonths: alipayMonths, OrderNo: alipayOrder, SplitFundInfo: true},
	"cb_alipay_qr":        {RefundWindowMonths: alipayMonths, OrderNo: alipayOrder, ExchangeRate: true},
	"cb_alipay_scan":      {RefundWindowMonths: alipayMonths, OrderNo: alipayOrder, ExchangeRate: true},

	"wx": {
		RefundWindowMonths: wechatMonths, OrderNo: OrderNoRule{Min: 2, Max: 32},
		FundingSource: true, HideReason: true,
	},
	"wx_pub":         {RefundWindowMonths: wechatMonths, OrderNo: upTo32, FundingSource: true, HideReason: true},
	"wx_pub_qr":      {RefundWindowMonths: wechatMonths, OrderNo: upTo32, FundingSource: true, HideReason: true},
	"wx_pub_scan":    {RefundWindowMonths: wechatMonths, OrderNo: upTo32, FundingSource: true, HideReason: true},
	"wx_lite":        {RefundWindowMonths: wechatMonths, OrderNo: upTo32, FundingSource: true, HideReason: true},
	"wx_wap":         {RefundWindowMonths: wechatMonths, OrderNo: upTo32, FundingSource: true, HideReason: true},
	"cb_wx":          {RefundWindowMonths: wechatMonths, OrderNo: upTo32},
	"cb_wx_pub":      {RefundWindowMonths: wechatMonths, OrderNo: upTo32},
	"cb_wx_pub_qr":   {RefundWindowMonths: wechatMonths, OrderNo: upTo32},
	"cb_wx_pub_scan": {RefundWindowMonths: wechatMonths, OrderNo: upTo32},

	"qpay":     {OrderNo: upTo30, FundingSource: true},
	"qpay_pub": {OrderNo: upTo30, FundingSource: true},

	"upacp":          {OrderNo: unionpayOrder, Subject: unionpaySubject},
	"upacp_wap":      {OrderNo: unionpayOrder, Subject: unionpaySubject},
	"upacp_pc":       {OrderNo: unionpayOrder, Subject: unionpaySubject},
	"upacp_scan":     {OrderNo: unionpayOrder, Subject: unionpaySubject},
	"upacp_qr":       {OrderNo: unionpayOrder, Subject: unionpaySubject},
	"cp_b2b":         {OrderNo: unionpayOrder, Subject: unionpaySubject},
	"applepay_upacp": {OrderNo: unionpayOrder, Subject: unionpaySubject},
	"upmp":           {OrderNo: unionpayOrder, Subject: unionpaySubject},
	"upmp_wap":       {OrderNo: unionpayOrder, Subject: unionpaySubject},

	"cnp_u": {FullRefundOnly: true},
	"cnp_f": {FullRefundOnly: true},

	"bfb":        {OrderNo: upTo20},
	"bfb_wap":    {OrderNo: upTo20},
	"yeepay_wap": {OrderNo: upTo50, Body: TextLimit{Characters, 100}},
	"jdpay":      {},
	"jdpay_wap":  {OrderNo: upTo30, Description: TextLimit{Bytes, 128}},
	"fqlpay_wap": {},
	"qgbc_wap":   {},
	"mmdpay_wap": {},
	"cmb_wallet": {
		OrderNo:     OrderNoRule{Min: 6, Max: 32, UniqueWithinDay: true},
		Description: TextLimit{Bytes, 99},
	},
	"cmb_pc_qr":  {Description: TextLimit{Bytes, 99}},
	"ccb_pay":    {OrderNo: upTo30},
	"ccb_qr":     {OrderNo: upTo30},
	"cmpay":      {OrderNo: upTo50},
	"paypal":     {OrderNo: upTo32, Description: TextLimit{Bytes, 30}},
	"coolcredit": {OrderNo: upTo32, Description: TextLimit{Characters, 100}},
	"balance":    {},
	"custom":     {},
	"isv_qr":     {OrderNo: isvOrder},
	"isv_scan":   {OrderNo: isvOrder},
	"isv_wap":    {OrderNo: isvOrder},
	"isv_lite":   {OrderNo: isvOrder},
}
