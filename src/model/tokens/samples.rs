//! Texts of every class that tokens are counted on, for tests. Written for them.

pub(super) const ENGLISH: &str = "The committee met on Thursday to discuss the proposal for a new bridge across the river. \
Several members were worried about the cost, which has nearly doubled since the first estimate was published two \
years ago. Others argued that the old crossing is no longer safe, and that every winter brings another round of \
repairs. After three hours of debate they agreed to ask the engineers for a second opinion before the vote. If you \
want to comment on the plan, please write to the office by the end of the month; letters that arrive later can't be \
considered. How long would the journey take if the northern road were closed as well?";

pub(super) const CODE: &str = "fn merge(mut left: Vec<u64>, right: &[u64]) -> Vec<u64> {\n    let mut out = Vec::with_capacity(\
left.len() + right.len());\n    let (mut i, mut j) = (0, 0);\n    while i < left.len() && j < right.len() {\n        \
if left[i] <= right[j] {\n            out.push(left[i]);\n            i += 1;\n        } else {\n            \
out.push(right[j]);\n            j += 1;\n        }\n    }\n    out.extend(left.drain(i..));\n    \
out.extend_from_slice(&right[j..]);\n    out\n}\n\n#[test]\nfn merges_sorted_lists() {\n    assert_eq!(merge(vec![1, \
4], &[2, 3]), vec![1, 2, 3, 4]);\n}\n";

pub(super) const JSON: &str = r#"{"orders":[{"id":48213,"customer":{"name":"Ada Bell","email":"ada.bell@example.com"},"items":[{"sku":"LMP-0042","quantity":2,"price":19.95},{"sku":"CBL-1180","quantity":1,"price":7.5}],"shipped":true,"notes":null},{"id":48214,"customer":{"name":"Jonas Weber","email":"jonas@example.org"},"items":[{"sku":"DSK-7701","quantity":1,"price":349.0}],"shipped":false,"notes":"Call before delivery"}],"page":3,"total":126}"#;

pub(super) const CHINESE: &str = "我奶奶每天早上五点起床，先给院子里的花浇水，然后泡一壶茶，戴上老花镜看报纸。孩子们准备上学，父亲已经下地干活去了。\
菜市场的价格又涨了，所以母亲在屋后种了西红柿和辣椒。夏天经常停电，我们就睡在屋顶上数星星。有了电脑和手机以后，很多事情都变了，但是晚饭后的聊天还和从前一样。\
如果你想来我们村子，最好坐火车，因为雨季公路常常被冲坏。这个软件可以把录音转换成文字，准确率超过百分之九十五。委员会星期四开会讨论在河上修建一座新桥的方案。几位委员担心费用，因为自两年前公布第一次估算以来，费用几乎翻了一番。\
也有人认为旧桥已经不再安全，每年冬天都需要再次维修。经过三个小时的讨论，他们同意在投票之前请工程师提供第二份意见。如果您想对该计划发表意见，\
请在月底之前写信给办公室，迟到的信件将不予考虑。";

pub(super) const JAPANESE: &str = "祖母は毎朝五時に起きて、庭の花に水をやり、それからお茶を入れて新聞を読んでいました。子どもたちは学校へ行く支度をし、父はもう畑に出ていました。\
市場の野菜が高くなったので、母は家の裏でトマトと唐辛子を育て始めました。夏はよく停電したので、屋根の上で寝て星を数えたものです。コンピューターや携帯電話が来てから多くのことが変わりましたが、\
夕食後のおしゃべりは今も昔のままです。村へ来たいなら電車が一番です。雨の季節には道路が崩れることが多いからです。委員会は木曜日に集まり、川に新しい橋を架ける計画について話し合いました。最初の見積もりが二年前に発表されてから費用がほぼ\
二倍になったため、心配する委員もいました。一方で、古い橋はもう安全ではなく、毎年冬になると修理が必要になるという意見もありました。三時間の議論の後、\
投票の前に技術者に二つ目の意見を求めることに同意しました。";

pub(super) const HINDI: &str = "मेरी दादी हर सुबह पाँच बजे उठती थीं और आँगन में तुलसी को पानी देती थीं। उसके बाद वे चाय बनातीं और अखबार \
पढ़तीं, हालाँकि उनकी आँखें कमजोर हो चुकी थीं। बच्चे स्कूल जाने की तैयारी करते और पिता खेत की ओर निकल जाते। बाजार में सब्जियों के दाम बढ़ गए थे, इसलिए माँ ने घर के \
पीछे टमाटर और मिर्च उगाना शुरू किया। गर्मियों में बिजली अक्सर चली जाती, तब हम छत पर सोते और तारों को गिनते। कंप्यूटर और मोबाइल आने के बाद बहुत कुछ बदल गया, लेकिन शाम \
की बातचीत आज भी वैसी ही है। अगर आप हमारे गाँव आना चाहें तो रेलगाड़ी सबसे अच्छा साधन है, क्योंकि सड़क बरसात में टूट जाती है। समिति ने गुरुवार को नदी पर एक नया पुल बनाने के प्रस्ताव पर चर्चा की। कई सदस्य लागत को लेकर चिंतित थे, जो दो साल पहले पहला अनुमान \
प्रकाशित होने के बाद से लगभग दोगुनी हो गई है। दूसरों ने कहा कि पुराना पुल अब सुरक्षित नहीं है और हर सर्दी में मरम्मत करनी पड़ती है। तीन घंटे की बहस के बाद \
उन्होंने मतदान से पहले इंजीनियरों से दूसरी राय मांगने पर सहमति जताई।";

pub(super) fn base64() -> String {
    use base64::Engine as _;
    let mut rng = fastrand::Rng::with_seed(7);
    let bytes: Vec<u8> = std::iter::repeat_with(|| rng.u8(..)).take(900).collect();
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Every class and its text.
pub(crate) fn all() -> Vec<(&'static str, String)> {
    let texts = [
        ("english", ENGLISH),
        ("code", CODE),
        ("json", JSON),
        ("chinese", CHINESE),
        ("japanese", JAPANESE),
        ("hindi", HINDI),
    ];
    let mut all: Vec<_> = texts.map(|(class, text)| (class, text.to_owned())).into();
    all.push(("base64", base64()));
    all
}
