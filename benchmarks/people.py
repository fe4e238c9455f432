"""A made-up Dutch population, and two registers of it with errors: what person keys are measured on.

Nobody in it exists. Shares are round figures for the Netherlands of today: the commonest surnames 0.4–0.55%
(De Jong, Jansen, De Vries), a long tail of rare ones; about a quarter with roots elsewhere, whose surnames are
fewer and commoner; households, twins (three in two hundred births), sons and daughters named after a parent in
the same house, homes and hostels with up to some 150 people at one address; birth dates at 1 January for part of
those born abroad, and unknown days and months (written 00) for a few. The same seed gives the same people.

Groups (`Registers.groups`), so that it can be seen whom linking misses: roots, what is written in another way between the two
registers, and who lives with whom. Call names and ways to write a name in Latin letters stand in `names.toml`. How many people go
by a call name, or are written in another way, is assumed (`_OTHERWISE`): no register is known that counts it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
Texts = NDArray[np.object_]
Rng = np.random.Generator

TODAY = np.datetime64("2026-10-01")
#: The columns of a register, by the names of the parts of a person key.
FIELDS = ("given_name", "surname", "birth_date", "postcode", "house_number", "street", "place")


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


# Commonest first; the share of each falls off slowly (`_falling`).
_MALE_OLD = _listed(
    "Johannes, Jan, Cornelis, Hendrik, Willem, Pieter, Gerrit, Petrus, Jacobus, Antonius, Peter, Hendrikus, Adrianus, Martinus, Dirk, "
    "Henk, Robert, Ronald, Marcel, Frank, Erik, Rob, Hans, Theodorus, Franciscus, Rudolf, Albert, Klaas, Simon, Arie, René, Bernardus, "
    "Jacob, Leendert, Wilhelmus, Gerardus, Lambertus, Nicolaas, Sjoerd, Michiel, Jeroen, Bart, Marco, Patrick, Dennis, Edwin, Richard"
)
_FEMALE_OLD = _listed(
    "Maria, Johanna, Anna, Elisabeth, Cornelia, Hendrika, Wilhelmina, Catharina, Adriana, Petronella, Jacoba, Margaretha, Geertruida, "
    "Monique, Ingrid, Marianne, Yvonne, Linda, Petra, Anja, Jantje, Trijntje, Grietje, Elizabeth, Helena, Alida, Christina, Antonia, "
    "Sandra, Esther, Karin, Wilma, Jolanda, Marjan, Renée, Willemina, Theodora, Francisca, Neeltje, Aaltje, Fenna, Maaike, Saskia, Mirjam"
)
_MALE_YOUNG = _listed(
    "Daan, Sem, Lucas, Noah, Levi, Thomas, Tim, Lars, Bram, Jesse, Thijs, Finn, Luuk, Ruben, Stijn, Milan, Max, Julian, Sam, Kevin, "
    "Rick, Nick, Mike, Tom, Bas, Niels, Jasper, Joost, Sander, Jurriën, Joël, Olivier, Gijs, Hugo, James, Liam, Mees, Benjamin, Adam, "
    "Jayden, Tygo, Boaz, Teun, Job, Floris, Siem, Jens, Cas, Mats, Roan, Dex, Vince, Jort, Pepijn, Wout, Koen, Siebe, Hidde, Kasper"
)
_FEMALE_YOUNG = _listed(
    "Emma, Julia, Sophie, Anna, Lisa, Mila, Tess, Sara, Eva, Lotte, Zoë, Fleur, Sanne, Anouk, Iris, Femke, Noa, Saar, Lieke, Nora, "
    "Olivia, Yara, Evi, Liv, Milou, Roos, Laura, Maud, Britt, Amber, Isa, Lynn, Jasmijn, Nina, Esmée, Chloë, Loïs, Noor, Hannah, "
    "Sofie, Feline, Vera, Elin, Naomi, Kim, Demi, Merel, Marit, Floor, Bo, Rosalie, Suze, Benthe, Jinte, Puck, Fenne, Linde, Myrthe"
)
_DUTCH = _listed(
    "de Jong, Jansen, de Vries, van den Berg, Bakker, van Dijk, Visser, Janssen, Smit, Meijer, de Boer, Mulder, de Groot, Bos, Vos, "
    "Peters, Hendriks, van Leeuwen, Dekker, Brouwer, de Wit, Dijkstra, Smits, de Graaf, van der Meer, Kok, Jacobs, de Haan, Vermeulen, "
    "van den Heuvel, van der Veen, van den Broek, de Bruijn, Schouten, van Beek, van der Heijden, Willems, van Vliet, Hoekstra, Maas, "
    "Verhoeven, Koster, Prins, van Dam, van der Wal, Huisman, Peeters, Blom, de Bruin, Kuipers, van Veen, Kramer, van den Brink, Postma, "
    "Scholten, van Wijk, Martens, Vink, de Ruiter, Timmermans, Groen, Gerritsen, Jonker, van Loon, Boer, Willemsen, Bosch, Evers, "
    "van der Linden, de Lange, Molenaar, van Doorn, Driessen, de Leeuw, van der Velden, Hermans, Schipper, Smeets, Koning, Bosman, Wolters"
)
_STEMS = _listed(
    "Hoek, Veen, Berg, Dijk, Water, Bosch, Heuvel, Brink, Kamp, Velde, Linde, Eik, Zand, Rijn, Maas, Wal, Broek, Haven, Molen, Kerk, Stein, "
    "Hof, Poel, Duin, Wiel, Donk, Laar, Rade, Horst, Hage, Beek, Kuil, Steen, Vliet, Gracht, Akker, Weide, Rozen, Wolf, Schaap, Hage, Loos, "
    "Wester, Ooster, Noorder, Zuider, Nieuwen, Olden, Groen, Witte, Zwarte, Grote, Lange, Korte, Kolk, Slot, Riet, Bloem, Appel, Nagel, Dor"
)
_ENDS = _listed(
    "stra, sma, inga, man, mans, huis, huizen, kamp, veld, meijer, berg, brink, horst, ink, ing, hof, laan, voort, drecht, donk, steen, "
    "weg, sen, s, aar, ema, dam, stein, wijk, beek, hout, kerk, rade, mond, schot, boom, bosch, burg, poort, zicht, land, loo"
)
_BEFORE = ["", "", "", "van ", "van der ", "van den ", "de ", "ter ", "ten ", "in 't ", "op de ", "van 't "]
_GROUPS: dict[str, tuple[float, list[str], list[str], list[str], tuple[list[str], list[str]]]] = {
    # share of the people, male, female, surnames, what rarer surnames are put together from
    "turkish": (
        0.025,
        _listed("Mehmet, Mustafa, Ali, Ahmet, Hasan, Hüseyin, İbrahim, Yusuf, Murat, Ömer, Emre, Hakan, Osman, Fatih, Kemal, Serkan"),
        _listed("Fatma, Ayşe, Emine, Hatice, Zeynep, Elif, Meryem, Gülsüm, Sultan, Özlem, Esra, Songül, Gülsen, Büşra, Sevgi, Hülya"),
        _listed("Yılmaz, Kaya, Demir, Şahin, Çelik, Yıldız, Yıldırım, Öztürk, Aydın, Özdemir, Arslan, Doğan, Kılıç, Aslan, Çetin, Kara, Koç"),
        (_listed("Ak, Kara, Öz, Yıl, Gün, Er, Bay, Kurt, Dağ, Çak, Şen, Top, Gül, Taş"), _listed("taş, türk, demir, can, er, man, bulut, oğlu, kan, kaya, soy, gül")),
    ),
    "moroccan": (
        0.024,
        _listed("Mohamed, Ahmed, Hassan, Rachid, Said, Abdellah, Youssef, Mustapha, Hamza, Bilal, Omar, Karim, Driss, Brahim, Ayoub, Anass"),
        _listed("Fatima, Khadija, Naima, Aïcha, Samira, Malika, Rachida, Hafida, Salma, Hanane, Karima, Imane, Zohra, Yamina, Najat, Ikram"),
        _listed("el Idrissi, Bouzid, el Amrani, Benali, Aarab, el Yaakoubi, Azzouzi, Bakkali, Chaouch, Haddou, Amezian, el Khattabi, Ouali"),
        (_listed("el Ha, el Ba, Bou, Ben, Ait Ou, Ou, el Mou, el Kha, Za, Aza, Ha, Cha, Ta"), _listed("dioui, ssani, ddadi, zian, maoui, laoui, kkali, chiri, rrazi, halli, mmou, youssefi")),
    ),
    "surinamese": (
        0.022,
        _listed("Winston, Roy, Henk, Rajesh, Dennis, Kenneth, Anand, Stanley, Ricardo, Ruben, Soerin, Iwan, Clyde, Jerrel, Shanti, Glenn"),
        _listed("Shanice, Anjali, Sharda, Chandra, Lucia, Helen, Indra, Sandhia, Jennifer, Radha, Ashna, Cynthia, Mavis, Joyce, Priya, Usha"),
        _listed("Singh, Ramdin, Martina, Pinas, Ramlal, Baldew, Kartosen, Biharie, Misiedjan, Soekhoe, Wijngaarde, Esajas, Jhinkoe, Ramautar"),
        (_listed("Ram, Bhag, Jag, Sew, Bis, Mahes, Kali, Soek, Bal, Dew, Ori, Moe"), _listed("dhani, charan, nath, pal, persad, oedin, dien, lal, kisoen, das, radjo, gobind")),
    ),
    "polish": (
        0.017,
        _listed("Piotr, Krzysztof, Andrzej, Tomasz, Paweł, Michał, Marcin, Jakub, Adam, Łukasz, Grzegorz, Mateusz, Wojciech, Dawid, Kamil"),
        _listed("Anna, Katarzyna, Agnieszka, Małgorzata, Magdalena, Joanna, Monika, Ewa, Karolina, Natalia, Beata, Justyna, Aleksandra, Zofia"),
        _listed("Nowak, Kowalski, Wiśniewski, Wójcik, Kowalczyk, Kamiński, Lewandowski, Zieliński, Szymański, Woźniak, Dąbrowski, Kozłowski"),
        (_listed("Jan, Paw, Grab, Sob, Mal, Kuch, Wal, Krup, Szcz, Brzo, Gor, Now"), _listed("owski, iński, czak, czyk, ewicz, ecki, elski, arski, ak, iak, ka, ński")),
    ),
    "arabic": (
        0.020,
        _listed("Ahmad, Mohammad, Ali, Khaled, Omar, Mahmoud, Hussein, Ibrahim, Yousef, Abdullah, Mustafa, Samir, Bashar, Firas, Nizar, Anas"),
        _listed("Fatima, Aisha, Maryam, Nour, Rania, Hanan, Samar, Zeinab, Layla, Amina, Khadija, Salma, Rasha, Iman, Lina, Dalal"),
        _listed("Al Hassan, Al Ahmad, Hussein, Mohammad, Khalil, Ibrahim, Al Ali, Hamdan, Saleh, Othman, Yousef, Suleiman, Al Khatib, Darwish"),
        (_listed("Al Ha, Al Sha, Al Ma, Al Kha, Abu Ra, Ha, Sha, Ma, Na, Sa, Al Ba, Al Ja"), _listed("mdan, ssan, lil, tib, mmoud, rif, bbar, sser, leh, wish, mid, kari, labi, sim")),
    ),
    "ukrainian": (
        0.007,
        _listed("Oleksandr, Andrii, Serhii, Volodymyr, Mykola, Dmytro, Yurii, Oleksii, Vitalii, Ihor, Yevhen, Bohdan"),
        _listed("Olena, Natalia, Oksana, Iryna, Tetiana, Svitlana, Yuliia, Anastasiia, Kateryna, Hanna, Liudmyla, Mariia"),
        _listed("Shevchenko, Kovalenko, Bondarenko, Tkachenko, Kravchenko, Oliinyk, Melnyk, Koval, Polishchuk, Lysenko, Moroz, Savchenko"),
        (_listed("Kov, Bond, Shev, Krav, Hon, Rud, Mar, Zakhar, Petr, Vasyl, Havr, Lev"), _listed("alenko, arenko, chuk, enko, yshyn, ytskyi, iuk, ovych, ienko, chenko")),
    ),
    "chinese": (
        0.006,
        _listed("Wei, Jun, Ming, Jian, Hao, Lei, Tao, Qiang, Bin, Feng, Yong, Zhong, Xiang, Guang, Cheng, Hui"),
        _listed("Li, Fang, Xiu, Yan, Ying, Mei, Jing, Xia, Na, Hong, Qing, Ping, Juan, Lan, Xue, Zhen"),
        _listed("Wang, Li, Zhang, Liu, Chen, Yang, Huang, Zhao, Wu, Zhou, Xu, Sun, Ma, Zhu, Hu, Guo, He, Lin, Zheng, Xie"),
        (_listed("Zh, Ch, X, Q, L, W, H, G, Sh, T"), _listed("ang, eng, ong, ou, ian, iao, u, ei, ai, uan")),
    ),
    "horn_of_africa": (
        0.007,
        _listed("Abdi, Mohamed, Ahmed, Hassan, Tesfay, Yonas, Dawit, Samuel, Amanuel, Filmon, Ali, Abdirahman, Kidane, Berhane, Omar, Robel"),
        _listed("Selam, Fatuma, Amina, Halima, Helen, Winta, Rahwa, Hodan, Sahra, Miriam, Saba, Luwam, Feven, Khadra, Faduma, Eden"),
        _listed("Abdi, Mohamed, Ali, Hassan, Ahmed, Tesfay, Kidane, Gebremedhin, Haile, Berhe, Weldegebriel, Omar, Nur, Warsame, Tekle, Habte"),
        (_listed("Gebre, Welde, Tesfa, Haile, Habte, Abdi, Tekle, Kidane"), _listed("mariam, medhin, michael, slasie, rahman, giorgis, yesus, ab, tsion, kidan")),
    ),
    "other": (
        0.11,
        _listed("Ali, Ahmad, Carlos, João, Stefan, Ivan, Kofi, Jürgen, David, Michael, Antonio, Nikola, Minh, Paul, Ion, Peter, Thomas, Rui, Jorge, Marek"),
        _listed("Maria, Ana, Ama, Ursula, Sarah, Elena, Giulia, Mai, Claire, Ioana, Nadia, Sofia, Grace, Irina, Rosa, Emma, Laura, Ines, Petra, Teresa"),
        _listed("Nguyen, Müller, Ivanov, da Silva, dos Santos, García, Schmidt, Osei, Mensah, Popescu, Hadžić, Petrov, Rossi, Smith, Martin, Kovács"),
        (_listed("Ko, Mar, Fer, Sal, Pet, Ste, Kov, Da, Mu, Ta, Os, Gon, Rod, Sch, Weis, Hor, Bel, Ki, Ro, Men"), _listed("valenko, tinez, nandes, ovic, kov, fan, mann, rero, nda, ei, çalves, rigues, neider, bach, vath, lini, moto, ssi, des")),
    ),
}  # fmt: skip
_STREETS = _listed(
    "Kerkstraat, Schoolstraat, Dorpsstraat, Molenstraat, Julianastraat, Nieuwstraat, Stationsstraat, Wilhelminastraat, Hoofdstraat, Molenweg, "
    "Beatrixstraat, Emmastraat, Parallelweg, Eikenlaan, Kastanjelaan, Prins Bernhardstraat, Oranjestraat, Burgemeester van Dijkstraat"
)
_STREET_ENDS = _listed("straat, laan, weg, plein, hof, pad, kade, dreef, singel, dijk")
_PLACES = _listed(
    "Zandstad, Nieuwmeer, Oosterveen, Waterdam, Hoogkerke, Rietwijk, Duinberg, Lindehove, Maasbrug, Kolkhuizen, Vliethaven, Broekzijl, "
    "Bergerhout, Ter Aarde, Wolfsloo, Appelmonde, Heidehuizen, Steenwoude, Poelgeest, Wielrade, Akkerdonk, 't Laar, Slotburen, Kampzicht"
)


@dataclass(frozen=True)
class Registers:
    """Two registers of one population: a column `person` (who it is) and `FIELDS`, all text but `person`; and of everybody a
    column of truth values per group."""

    population: pl.DataFrame
    groups: pl.DataFrame
    left: pl.DataFrame
    right: pl.DataFrame

    @property
    def both(self) -> int:
        """How many people stand in both registers."""
        return len(self.left.join(self.right, on="person", how="semi"))


def make_registers(people: int, seed: int = 7) -> Registers:
    """A population of `people` and two registers: 70% of everybody is in both, 15% in each one only."""
    rng = np.random.default_rng(seed)
    population = make_population(people, rng)
    where = rng.random(people)
    women = population["woman"].to_numpy()
    moved_to = rng.permutation(people)
    columns = population.select("person", *FIELDS)
    left = _with_errors(columns.filter(pl.Series(where < 0.85)), rng)
    married = _married(columns, women, rng)
    moved = _moved(married, moved_to, rng)
    otherwise = _written_otherwise(moved, population["group"], np.random.default_rng(seed + 1))
    right = _with_errors(otherwise.filter(pl.Series((where < 0.70) | (where >= 0.85))), rng)
    return Registers(columns, _groups_of(population, married, moved, otherwise), left, right)


def _groups_of(
    population: pl.DataFrame, married: pl.DataFrame, moved: pl.DataFrame, otherwise: pl.DataFrame
) -> pl.DataFrame:
    def differs(one: pl.DataFrame, other: pl.DataFrame, *names: str) -> pl.Series:
        return pl.select(pl.any_horizontal(one[name] != other[name] for name in names)).to_series()

    renamed, elsewhere = (
        differs(population, married, "surname"),
        differs(married, moved, "postcode", "house_number"),
    )
    home = ["postcode", "house_number", "street", "place"]
    dutch = population["group"] == "dutch"
    return pl.DataFrame(
        {
            "person": population["person"],
            **{group: population["group"] == group for group in ("dutch", *_GROUPS)},
            "unknown_day": population["birth_date"].str.ends_with("00"),
            "call_name": dutch & differs(moved, otherwise, "given_name"),
            "written_otherwise": ~dutch & differs(moved, otherwise, "given_name", "surname"),
            "partners_name": renamed & ~elsewhere,
            "partners_name_moved": renamed & elsewhere,
            "moved": elsewhere & ~renamed,
            "twin": population.select(pl.struct("surname", "birth_date", *home).is_duplicated()).to_series(),
            "namesake_at_home": population.select(pl.struct("given_name", "surname", *home).is_duplicated()).to_series(),
        }
    )  # fmt: skip


#: Of the people with Dutch roots whose name has one, so many go by their call name in one of two registers; of the others,
#: names are written in another way in so many.
_OTHERWISE = {"dutch": 0.10, "turkish": 0.05, "moroccan": 0.15, "surinamese": 0.02, "polish": 0.05}
_NAMES = tomllib.loads((Path(__file__).parent / "names.toml").read_text())


def _written_otherwise(frame: pl.DataFrame, group: pl.Series, rng: Rng) -> pl.DataFrame:
    share = group.replace_strict(_OTHERWISE, default=0.20).to_numpy()
    rows, draw, group_of = rng.random(len(frame)) < share, rng.random(len(frame)), group.to_list()
    ways = {name: [one for one in names if one != name] for names in _NAMES["written"] for name in names}

    def other(name: str, row: int) -> str:
        found = (_NAMES["call"] if group_of[row] == "dutch" else ways).get(name, [name])
        return found[int(draw[row] * len(found))]

    for column in ("given_name", "surname"):
        values = frame.get_column(column).to_list()
        for row in np.flatnonzero(rows):
            values[row] = other(values[row], row)
        frame = frame.with_columns(pl.Series(column, values))
    return frame


def several(
    people: int, seed: int, shares: Sequence[float] = (0.4, 0.2, 0.15, 0.12, 0.08, 0.05)
) -> pl.DataFrame:
    """One register in which people have several records, with the errors of three registers: one record of the first of
    these `shares` of them, two of the next …"""
    rng = np.random.default_rng(seed)
    columns = make_population(people, rng).select("person", *FIELDS)
    register = columns[np.repeat(np.arange(people), rng.choice(len(shares), people, p=shares) + 1)]
    for _ in range(3):
        register = _with_errors(register, rng)
    return register


def make_population(people: int, rng: Rng) -> pl.DataFrame:
    """Everybody: `person`, `woman` and `FIELDS` as a good register would write them."""
    size = rng.choice([1, 2, 3, 4, 5, 6], people, p=[0.39, 0.32, 0.12, 0.12, 0.04, 0.01])
    household = np.repeat(np.arange(people), size)[:people]
    homes = int(household[-1]) + 1
    first = np.searchsorted(household, np.arange(homes))
    place_in = np.arange(people) - first[household]
    size = np.bincount(household)
    group = rng.choice(len(_GROUPS) + 1, homes, p=[1 - _foreign(), *(g[0] for g in _GROUPS.values())])
    group_of = np.where(rng.random(people) < 0.9, group[household], rng.choice(group, people))
    woman = rng.random(people) < 0.5
    woman = np.where(place_in == 1, ~woman[first[household]], woman)
    child = place_in >= 2
    birth = _births(household, place_in, size, rng)
    # A twin is born on the day of the child before.
    twin = np.flatnonzero(child & (place_in >= 3) & (rng.random(people) < 0.035))
    birth[twin] = birth[twin - 1]
    given = _given(group_of, woman, birth, rng)
    while len(alike := twin[given[twin] == given[twin - 1]]):
        given[alike] = _given(group_of[alike], woman[alike], birth[alike], rng)
    surname = _surnames(group_of, rng)
    heads, partners = first[household], place_in == 1
    shares = child | (partners & (rng.random(people) < 0.35))
    surname[shares] = surname[heads[shares]]
    # Twins who grew up and left: same surname and day of birth, other address.
    grown = np.flatnonzero((place_in == 0) & (rng.random(people) < 0.012))
    pair = rng.permutation(grown)
    half = len(pair) // 2
    birth[pair[:half]] = birth[pair[half : 2 * half]]
    surname[pair[:half]] = surname[pair[half : 2 * half]]
    # Named after the parent they live with.
    after = np.flatnonzero(child & (woman == woman[heads]) & (rng.random(people) < 0.015))
    given[after] = given[heads[after]]
    abroad = (group_of > 0) & ~child & (rng.random(people) < 0.7)
    dates = _dates(birth, abroad, rng)
    return pl.DataFrame(
        {
            "person": np.arange(people),
            "woman": woman,
            "group": pl.Series(np.array(["dutch", *_GROUPS], dtype=object)[group_of].tolist()),
            "given_name": pl.Series(given.tolist()),
            "surname": pl.Series(surname.tolist()),
            "birth_date": dates,
            **_addresses(household, size, rng),
        }
    )


def _foreign() -> float:
    return sum(group[0] for group in _GROUPS.values())


def _falling(count: int, top: float, power: float) -> NDArray[np.float64]:
    """Shares that fall off from `top`: rank to the minus `power`, scaled to one."""
    share = (np.arange(count) + 1 / top) ** -power
    return np.asarray(share / share.sum())


def _births(household: Numbers, place_in: Numbers, size: Numbers, rng: Rng) -> NDArray[np.datetime64]:
    homes = len(size)
    head = np.where(size == 1, rng.uniform(19, 95, homes), rng.uniform(24, 86, homes))
    head = np.where(size > 2, rng.uniform(26, 60, homes), head)
    partner = np.clip(head + rng.normal(-1, 4, homes), 18, 99) + rng.uniform(0, 1, homes)
    child = rng.uniform(0, 1, len(household)) * np.clip(head[household] - 22, 1, 26)
    age = np.where(place_in == 0, head[household], np.where(place_in == 1, partner[household], child))
    return np.asarray(TODAY - (age * 365.25).astype("timedelta64[D]"))


def _given(group: Numbers, woman: NDArray[np.bool_], birth: NDArray[np.datetime64], rng: Rng) -> Texts:
    """By group, sex and time of birth; one in five Dutch names is rare, put together from two."""
    count = len(group)
    given = np.empty(count, dtype=object)
    old = birth < np.datetime64("1945-01-01") + (rng.normal(35, 12, count) * 365.25).astype("timedelta64[D]")
    lists: list[tuple[NDArray[np.bool_], list[str]]] = [
        ((group == 0) & ~woman & old, _MALE_OLD),
        ((group == 0) & woman & old, _FEMALE_OLD),
        ((group == 0) & ~woman & ~old, _MALE_YOUNG),
        ((group == 0) & woman & ~old, _FEMALE_YOUNG),
    ]
    for number, (_, male, female, _, _) in enumerate(_GROUPS.values(), 1):
        lists += [((group == number) & ~woman, male), ((group == number) & woman, female)]
    for mask, names in lists:
        rows = np.flatnonzero(mask)
        given[rows] = np.array(names, dtype=object)[
            rng.choice(len(names), len(rows), p=_falling(len(names), 0.15, 0.9))
        ]
    heads = _listed(
        "Al, Ma, Jo, Ri, Le, Da, Mi, Sa, Ro, El, Fe, Ka, Li, Ne, Ti, Wi, Ju, Ge, Bri, Ste, Ye, Da, Na, Re"
    )
    tails = _listed(
        "nneke, rit, landa, ndra, lina, bert, win, thijs, rco, mke, tske, ske, van, ron, mon, nique, rella, "
        "nathan, ven, bel, vin, lia, rina, mar, dine, nald, fke, ry, ssa, yana"
    )
    rare = np.flatnonzero(rng.random(count) < np.where(group == 0, 0.3, 0.25))
    made = np.array([a + b for a in heads for b in tails], dtype=object)
    given[rare] = made[rng.choice(len(made), len(rare), p=_falling(len(made), 0.05, 0.8))]
    return given


def _surnames(group: Numbers, rng: Rng) -> Texts:
    """Of the Dutch, three in ten bear one of the listed names; the others one of some thirty thousand."""
    count = len(group)
    surname = np.empty(count, dtype=object)
    tail = np.array([b + a + e for a in _STEMS for e in _ENDS for b in _BEFORE], dtype=object)
    for number in range(len(_GROUPS) + 1):
        rows = np.flatnonzero(group == number)
        names, rare, common = np.array(_DUTCH, dtype=object), rng.permutation(tail), 0.23
        if number:
            _, _, _, listed, (heads, ends) = list(_GROUPS.values())[number - 1]
            names, common = np.array(listed, dtype=object), 0.35
            joined = [a + b for a in heads for b in ends] + [
                a + b + c for a in heads for b in ends for c in ends
            ]
            rare = rng.permutation(np.array(joined, dtype=object))
        known = rng.random(len(rows)) < common
        surname[rows] = np.where(
            known,
            names[rng.choice(len(names), len(rows), p=_falling(len(names), 0.12, 0.9))],
            rare[rng.choice(len(rare), len(rows), p=_falling(len(rare), 0.01, 0.7))],
        )
    return surname


def _dates(birth: NDArray[np.datetime64], abroad: NDArray[np.bool_], rng: Rng) -> pl.Series:
    """`yyyymmdd`; of those born abroad, six in a hundred on 1 January or July and one with 00 for what is unknown."""
    text = pl.Series(birth).dt.strftime("%Y%m%d")
    year = text.str.slice(0, 4)
    draw = np.where(abroad, rng.random(len(birth)), 1.0)
    return pl.select(
        pl.when(pl.lit(draw < 0.005))
        .then(year + "0000")
        .when(pl.lit(draw < 0.01))
        .then(text.str.slice(0, 6) + "00")
        .when(pl.lit(draw < 0.06))
        .then(year + "0101")
        .when(pl.lit(draw < 0.07))
        .then(year + "0701")
        .otherwise(text)
    ).to_series()


def _addresses(household: Numbers, size: Numbers, rng: Rng) -> dict[str, pl.Series]:
    """About seventeen homes to a postcode, one street each; one person in a hundred and fifty in a home or hostel."""
    homes = len(size)
    address = np.arange(homes)
    alone = rng.permutation(np.flatnonzero(size == 1))
    alone = alone[: homes // 66]
    houses = max(1, len(alone) // 60)
    address[alone] = alone[(rng.random(len(alone)) ** 1.5 * houses).astype(np.int64)]
    spread = rng.permutation(homes)
    at = spread[address][household]
    code = at // 17
    codes = int(homes // 17) + 1
    place_of = rng.choice(len(_PLACES), codes, p=_falling(len(_PLACES), 0.3, 1.0))
    place_of.sort()
    names = [*_STREETS, *(s + e for s in _STEMS for e in _STREET_ENDS)]
    street_of = rng.choice(len(names), codes, p=_falling(len(names), 0.05, 0.7))
    begin = rng.choice([1, 1, 1, 2, 2, 35, 36, 69, 70, 103], codes)
    letters = np.array([chr(65 + a) + chr(65 + b) for a in range(26) for b in range(26)], dtype=object)
    district = 1000 + 60 * place_of + np.arange(codes) // 400 % 60
    postcode = district.astype(str).astype(object) + letters[np.arange(codes) % 676]
    # Two codes never share district and letters: within a district they are consecutive.
    return {
        "postcode": pl.Series(postcode[code].tolist()),
        "house_number": pl.Series((begin[code] + 2 * (at % 17)).astype(str).tolist()),
        "street": pl.Series(np.array(names, dtype=object)[street_of][code].tolist()),
        "place": pl.Series(np.array(_PLACES, dtype=object)[place_of][code].tolist()),
    }


# errors and changes


def _some(count: int, share: float, rng: Rng) -> Numbers:
    return np.flatnonzero(rng.random(count) < share)


def _changed(
    frame: pl.DataFrame, column: str, rows: Numbers, change: Callable[[str], str | None]
) -> pl.DataFrame:
    values = frame.get_column(column)
    new = [None if value is None else change(value) for value in values.gather(rows).to_list()]
    return frame.with_columns(values.scatter(rows, pl.Series(new, dtype=pl.String)).alias(column))


def _married(frame: pl.DataFrame, women: NDArray[np.bool_], rng: Rng) -> pl.DataFrame:
    """Five in a hundred women under a partner's name, or under both names with a hyphen."""
    rows = np.flatnonzero(women & (rng.random(len(frame)) < 0.05))
    own = frame.get_column("surname").gather(rows).to_list()
    other = frame.get_column("surname").gather(rng.integers(0, len(frame), len(rows))).to_list()
    both = rng.random(len(rows)) < 0.5
    new = [f"{o}-{s}" if b else o for s, o, b in zip(own, other, both, strict=True)]
    return frame.with_columns(frame.get_column("surname").scatter(rows, pl.Series(new)))


def _moved(frame: pl.DataFrame, to: Numbers, rng: Rng) -> pl.DataFrame:
    """Eight in a hundred people at an address where somebody else lived; half of them in the same place or not."""
    rows = _some(len(frame), 0.08, rng)
    there = frame.select(FIELDS[3:])[to[rows]]
    return frame.with_columns(
        frame.get_column(name).scatter(rows, there.get_column(name)) for name in there.columns
    )


def _typing(rng: Rng) -> Callable[[str], str]:
    """One edit, sometimes two: a letter changed, left out, doubled, put in, or two letters exchanged."""

    def once(text: str) -> str:
        at = int(rng.integers(0, len(text)))
        letter = chr(97 + int(rng.integers(0, 26)))
        return (
            text[:at] + letter + text[at + 1 :],
            text[:at] + text[at + 1 :],
            text[:at] + text[at : at + 1] + text[at:],
            text[:at] + letter + text[at:],
            text[:at] + text[at + 1 : at + 2] + text[at : at + 1] + text[at + 2 :],
        )[int(rng.integers(0, 5))]

    def mistyped(text: str) -> str:
        new = once(text)
        return once(new) if new and rng.random() < 0.2 else new

    return mistyped


def _digit(rng: Rng) -> Callable[[str], str]:
    def changed(text: str) -> str:
        at = int(rng.integers(0, len(text)))
        return text[:at] + str((int(text[at]) + int(rng.integers(1, 10))) % 10) + text[at + 1 :]

    return changed


_PREFIX = r"^(van den|van der|van 't|in 't|op de|van|de|ter|ten|el|da|dos) (.+)$"


def _with_errors(frame: pl.DataFrame, rng: Rng) -> pl.DataFrame:
    """What each register gets wrong by itself; shares are of its records."""
    count = len(frame)
    typing = _typing(rng)
    for column, share in (("given_name", 0.02), ("surname", 0.025), ("street", 0.02)):
        frame = _changed(frame, column, _some(count, share, rng), typing)
    plain = str.maketrans("éëèïíóöüçşğıłńąśżźćãñäÖÇŞŁİŚ", "eeeiioouucsgilnaszzcanaOCSLIS"[:28])
    for column in ("given_name", "surname"):
        frame = _changed(frame, column, _some(count, 0.15, rng), lambda text: text.translate(plain))
    particles = _some(count, 0.04, rng)
    frame = _changed(frame, "surname", particles, _without_particle(rng))
    frame = _changed(frame, "given_name", _some(count, 0.03, rng), lambda text: f"{text[:1]}.")
    frame = _changed(
        frame,
        "birth_date",
        _some(count, 0.01, rng),
        lambda date: date[:4] + date[6:] + date[4:6] if date[6:] <= "12" else date,
    )
    frame = _changed(frame, "birth_date", _some(count, 0.01, rng), _digit(rng))
    frame = _changed(frame, "house_number", _some(count, 0.01, rng), _digit(rng))
    frame = _changed(
        frame, "postcode", _some(count, 0.01, rng), lambda text: _digit(rng)(text[:4]) + text[4:]
    )
    swapped = rng.random(count) < 0.005
    frame = frame.with_columns(
        pl.when(pl.lit(swapped)).then("surname").otherwise("given_name").alias("given_name"),
        pl.when(pl.lit(swapped)).then("given_name").otherwise("surname").alias("surname"),
    )
    missing = {
        "given_name": 0.005,
        "birth_date": 0.005,
        "postcode": 0.02,
        "house_number": 0.02,
        "street": 0.03,
    }
    for column, share in {**missing, "place": 0.02}.items():
        frame = _changed(frame, column, _some(count, share, rng), lambda _: None)
    return frame


def _without_particle(rng: Rng) -> Callable[[str], str]:
    """The tussenvoegsel left out, or put behind the name."""
    import re

    pattern = re.compile(_PREFIX)

    def changed(name: str) -> str:
        found = pattern.match(name)
        if not found:
            return name
        return found[2] if rng.random() < 0.5 else f"{found[2]}, {found[1]}"

    return changed
