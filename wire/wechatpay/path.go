package wechatpay

import "net/url"

// Hosts of the real service. The second is the backup.
const (
	Host       = "https://api.mch.weixin.qq.com"
	BackupHost = "https://api2.mch.weixin.qq.com"
)

// Paths.
const (
	PathRefunds      = "/v3/refund/domestic/refunds"
	PathCertificates = "/v3/certificates"
	PathTradeBill    = "/v3/bill/tradebill"
	PathFundFlowBill = "/v3/bill/fundflowbill"
	// PathSubMerchantBill is a partner's alone.
	PathSubMerchantBill = "/v3/bill/sub-merchant-fundflowbill"
	// PathBillFile is where bills are downloaded, unsigned. It must be this
	// one: two clients skip the check of a signature for exactly this path.
	PathBillFile = "/v3/billdownload/file"

	pathOrders        = "/v3/pay/transactions"
	pathPartnerOrders = "/v3/pay/partner/transactions"
)

// RefundTarget is the request target of a refund query; subMchID is "" for a
// direct merchant. Sign and send exactly this text.
func RefundTarget(outRefundNo, subMchID string) string {
	target := PathRefunds + "/" + url.PathEscape(outRefundNo)
	if subMchID != "" {
		target += "?sub_mchid=" + url.QueryEscape(subMchID)
	}
	return target
}

// AbnormalTarget is the request target for an abnormal refund; the id is the
// platform's.
func AbnormalTarget(refundID string) string {
	return PathRefunds + "/" + url.PathEscape(refundID) + "/apply-abnormal-refund"
}

// OrderTarget is the request target of an order query. Of transactionID and
// outTradeNo the first that is not "" counts. subMchID "" asks as a direct
// merchant, else mchID is the service provider's.
func OrderTarget(transactionID, outTradeNo, mchID, subMchID string) string {
	path, query := pathOrders, "?mchid="+url.QueryEscape(mchID)
	if subMchID != "" {
		path, query = pathPartnerOrders, "?sp_mchid="+url.QueryEscape(mchID)+"&sub_mchid="+url.QueryEscape(subMchID)
	}
	if transactionID != "" {
		return path + "/id/" + url.PathEscape(transactionID) + query
	}
	return path + "/out-trade-no/" + url.PathEscape(outTradeNo) + query
}
