import java.io.ByteArrayInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.Cipher;

/**
 * A merchant's client that shares no code with umfpay: only what Java 17 brings along.
 *
 * <p>It writes JSON by hand with the old member names, glues "Bearer" to the token, reads
 * the key files as they are mailed, and checks the answers' signatures itself.
 *
 * <p>Usage: java OutsiderClient.java FOLDER, with umf.env and the key files in FOLDER.
 */
public class OutsiderClient {
    private static final HttpClient HTTP = HttpClient.newHttpClient();

    private final String base;
    private final String origin;
    private final Map<String, String> settings;
    private final PrivateKey key;
    private final PublicKey gateway;
    private String token = "";

    OutsiderClient(Path folder) throws Exception {
        settings = new HashMap<>();

        for (String line : Files.readAllLines(folder.resolve("umf.env"))) {
            int equals = line.indexOf('=');
            settings.put(line.substring(0, equals), line.substring(equals + 1));
        }

        base = settings.get("UMF_BASE_URL");
        origin = URI.create(base).resolve("/").toString();
        byte[] der = Files.readAllBytes(Path.of(settings.get("UMF_MERCHANT_KEY")));
        key = KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(der));
        byte[] certificate =
                Files.readAllBytes(Path.of(settings.get("UMF_GATEWAY_CERTIFICATE")));
        gateway =
                CertificateFactory.getInstance("X.509")
                        .generateCertificate(new ByteArrayInputStream(certificate))
                        .getPublicKey();
    }

    private String seal(String text) throws Exception {
        Cipher cipher = Cipher.getInstance("RSA/ECB/PKCS1Padding");
        cipher.init(Cipher.ENCRYPT_MODE, gateway);

        return Base64.getEncoder()
                .encodeToString(cipher.doFinal(text.getBytes(StandardCharsets.UTF_8)));
    }

    private String sign(byte[] body) throws Exception {
        Signature signature = Signature.getInstance("SHA256withRSA");
        signature.initSign(key);
        signature.update(body);

        return Base64.getEncoder().encodeToString(signature.sign());
    }

    private boolean isSigned(String text, String signature) throws Exception {
        Signature check = Signature.getInstance("SHA256withRSA");
        check.initVerify(gateway);
        check.update(text.getBytes(StandardCharsets.UTF_8));

        return check.verify(Base64.getDecoder().decode(signature));
    }

    private HttpResponse<String> post(String path, String body) throws Exception {
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        HttpRequest.Builder request =
                HttpRequest.newBuilder(URI.create(base + path))
                        .header("Content-Type", "application/json")
                        .POST(HttpRequest.BodyPublishers.ofByteArray(bytes));

        if (!token.isEmpty()) {
            request.header("Authorization", "Bearer" + token);
            request.header("Signature", sign(bytes));
        }

        return HTTP.send(request.build(), HttpResponse.BodyHandlers.ofString());
    }

    private HttpResponse<String> get(String address) throws Exception {
        HttpRequest request =
                HttpRequest.newBuilder(URI.create(address))
                        .header("Content-Type", "application/json")
                        .header("Authorization", "Bearer" + token)
                        .build();

        return HTTP.send(request, HttpResponse.BodyHandlers.ofString());
    }

    private static String find(String text, String pattern) {
        Matcher matcher = Pattern.compile(pattern).matcher(text);

        if (!matcher.find()) {
            throw new IllegalStateException("no " + pattern + " in " + text);
        }

        return matcher.group(matcher.groupCount());
    }

    private String payer(String code) throws Exception {
        return """
                {"payer": {"payment_method": "CREDIT_CARD", "bank_code": "CCB",
                 "interface_type": "SERVER_TO_SERVER", "business_type": "B2C",
                 "payer_info": {
                   "payerAgreement": {"busi_agreement_id": "", "agreement_id": ""},
                   "bankCard": {"number": "%s", "valid_date": "%s", "cvv2": "%s",
                     "payer_name": "%s", "citizen_id_type": "IDENTITY_CARD",
                     "citizen_id_number": "%s", "phone": "15210838198",
                     "verify_code": "%s", "mer_cust_id": ""}}}}"""
                .formatted(
                        seal("6227000000000005"),
                        seal("3012"),
                        seal("123"),
                        seal("张三"),
                        seal("110101199003070011"),
                        code);
    }

    private static final String ORDER =
            """
            {"payer": {"payment_method": "CREDIT_CARD", "bank_code": "CCB",
             "interface_type": "SERVER_TO_SERVER", "business_type": "B2C",
             "payer_info": {"bankCard": {"phone": "15210838198"}}},
             "order": {"mer_reference_id": "java-1", "mer_date": "20261123",
              "amount": {"total": "10.00", "currency": "USD"},
              "order_summary": "书 \\/ books", "expire_time": "360",
              "user_ip": "192.0.2.7",
              "sub_orders": [{"mer_sub_reference_id": "java-1-1",
               "amount": {"total": "10.00", "currency": "USD"},
               "trans_code": "01122030",
               "items": [{"mer_item_id": "1", "type": "OTHER", "name": "\\u4e66",
                "item_quantity": "1",
                "amount": {"total": "10.00", "currency": "USD"}}]}]},
             "notify_url": "http://127.0.0.1:9/notify"}""";

    private void check(String step, HttpResponse<String> answer) throws Exception {
        String body = answer.body();
        String sign = find(body, "\"meta\":\\{\"sign\":\"([^\"]+)\"");
        String signed = body.replace("\"sign\":\"" + sign + "\",", "");
        String header = answer.headers().firstValue("Signature").orElseThrow();
        System.out.printf(
                "%s %s meta.sign=%s header=%s changed=%s%n",
                step,
                find(body, "\"ret_code\":\"(\\d+)\""),
                isSigned(signed, sign),
                isSigned(body, header),
                isSigned(signed.replace("0000", "0001"), sign));
    }

    void run() throws Exception {
        String credentials =
                "{\"client_id\":\"%s\",\"client_secret\":\"%s\",\"grant_type\":\"%s\"}"
                        .formatted(
                                settings.get("UMF_CLIENT_ID"),
                                settings.get("UMF_CLIENT_SECRET"),
                                "client_credentials");
        token =
                find(
                        post("oauth/authorize", credentials).body(),
                        "\"access_token\":\"([^\"]+)\"");

        HttpResponse<String> created = post("payments/payment", ORDER);
        check("create", created);
        String payment = find(created.body(), "(PAY_[A-Z2-7]+)");

        check("verify", post("payments/payment/" + payment + "/verify", payer("")));
        String told = get(origin + "_emulator/payments/" + payment + "/sms_code").body();
        String code = find(told, "(\\d{6})");

        HttpResponse<String> executed =
                post("payments/payment/" + payment + "/execute", payer(code));
        check("execute", executed);

        HttpResponse<String> found = get(base + "payments/payment/" + payment);
        check("query", found);
        System.out.printf(
                "payment %s %s %s%n",
                payment,
                find(executed.body(), "\"state\":\"(\\w+)\""),
                find(found.body(), "\"state\":\"(\\w+)\""));
    }

    public static void main(String[] arguments) throws Exception {
        new OutsiderClient(Path.of(arguments[0])).run();
    }
}
