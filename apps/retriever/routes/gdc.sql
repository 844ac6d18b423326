-- The caller's own character is the pc that has the caller's name.
select i.id, i.name, i.race, i.img, i.dla, i.pas, i.pos, i.xp, i."xpMax",
       c.pv, c."pvMax", c."attM", c."defM", c."degM", c.arm, c."mmM", c.pc
from pcs
join "pcsInfos" as i on i.id = pcs.id
left join "pcsCaracs" as c on c.id = pcs.id
where pcs."guildId" = (select me."guildId" from pcs as me where me.name = auth.uid() order by me.id limit 1)
order by i.id
